"""Where Alembic enters: does what `shared.kernel.migration` asks for, on its connection."""

from alembic import context

_asked = context.config.attributes
context.configure(connection=_asked["connection"], **_asked["options"])
context.run_migrations()
