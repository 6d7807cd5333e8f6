"""The checks, one module for each property; what sets and documents show has its own."""

from shared.inspection.checks import (
    authenticity,
    composition,
    integrity,
    letters,
    safety,
    scope,
    sets,
    usability,
)

__all__ = [
    "authenticity",
    "composition",
    "integrity",
    "letters",
    "safety",
    "scope",
    "sets",
    "usability",
]
