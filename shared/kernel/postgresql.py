"""PostgreSQL as a database of ours; loaded by its first engine, for a node never needs it."""

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from shared.kernel.engines import Alike


class PostgreSQLServer(Alike, PGDialect_psycopg):
    """A database on a server of PostgreSQL."""

    supports_statement_cache = True
