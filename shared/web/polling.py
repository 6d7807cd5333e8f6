"""Views that pages ask by themselves, again and again, while nobody may be at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import current_app, request

View = TypeVar("View", bound=Callable[..., object])


def polled(view: View) -> View:
    """Mark a view that a page polls: its requests do not keep a session alive."""
    view.danglian_polled = True  # type: ignore[attr-defined]
    return view


def is_polling() -> bool:
    """Whether this request is one that a page makes by itself."""
    view = current_app.view_functions.get(request.endpoint or "")
    return bool(getattr(view, "danglian_polled", False))
