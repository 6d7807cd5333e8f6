"""The checks, one module for each property; what packages, sets and documents show has its own."""

from shared.inspection.checks import (
    authenticity,
    composition,
    integrity,
    letters,
    packages,
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
    "packages",
    "safety",
    "scope",
    "sets",
    "usability",
]
