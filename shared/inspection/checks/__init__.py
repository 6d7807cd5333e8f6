"""The checks, one module for each property; importing them registers them."""

from shared.inspection.checks import authenticity, integrity, safety, usability

__all__ = ["authenticity", "integrity", "safety", "usability"]
