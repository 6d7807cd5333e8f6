"""The one command `danglian`: its parts join through entry points, so that shared knows no part."""

from shared.command.main import main

__all__ = ["main"]
