"""What the demo gave to the nodes, written down before it gives it: the comparison's first side."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.kernel.files import write_atomically


@dataclass(frozen=True)
class GivenFile:
    """One computer file of a paper as it was made: its digest must be found again at the end."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Given:
    """One paper that was given to a node, by a sheet or through the register."""

    fonds: str
    title: str
    doc_no: str | None
    author: str
    day: str
    files: tuple[GivenFile, ...]

    @property
    def key(self) -> tuple[str, str, str | None, str]:
        """By what it is found again: nobody in the demo changes these."""
        return (self.fonds, self.title, self.doc_no, self.day)


def write_given(path: Path, papers: Iterable[Given]) -> None:
    """Write the list whole or not at all."""
    rows = [asdict(each) for each in papers]
    write_atomically(path, json.dumps(rows, ensure_ascii=False, indent=0).encode())


def read_given(path: Path) -> list[Given]:
    """Read what `write_given` wrote; none when nothing was given yet."""
    if not path.exists():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [
        Given(**{**row, "files": tuple(GivenFile(**each) for each in row["files"])}) for row in rows
    ]
