"""Whether everything arrived once and unchanged, read from the databases themselves.

Nothing of the product decides here: the tables are read with sqlite3, the packages with zipfile,
digests are made anew. Only canonical JSON, which is a definition, is shared.
"""

from shared.demo.comparison.given import Given, GivenFile, read_given, write_given
from shared.demo.comparison.rules import (
    HUB,
    Comparison,
    NodeFigures,
    NodePlace,
    Problem,
    compare,
)

__all__ = [
    "HUB",
    "Comparison",
    "Given",
    "GivenFile",
    "NodeFigures",
    "NodePlace",
    "Problem",
    "compare",
    "read_given",
    "write_given",
]
