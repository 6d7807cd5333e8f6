"""What belongs to the app that answers the current request."""

from __future__ import annotations

from flask import current_app

from shared.kernel.database import Database

DATABASE = "danglian.database"


def current_database() -> Database:
    """The database of the app that answers the current request."""
    database: Database = current_app.extensions[DATABASE]
    return database
