"""What looking into one computer file has shown, and how it travels out of the sandbox."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from shared.inspection.formats.table import FORMATS, Format
from shared.inspection.formats.trouble import UNEXAMINED, Trouble

#: Changes whenever the same file may be judged otherwise: remembered examinations are of one.
VERSION = "formats/6"
_MOST_TROUBLES = 60
_LONGEST = 200

#: What to look for in the text of a file, by name: it is there when one of the spellings is.
Questions = Mapping[str, tuple[str, ...]]


class Mark(StrEnum):
    """Whether the first page bears a mark of classification 密级标志."""

    CLEAR = "clear"
    MARKED = "marked"
    #: It has words, and they could not be read.
    UNREAD = "unread"
    #: Its kind has no words that a program reads: pictures, sound.
    WORDLESS = "wordless"


@dataclass
class Look:
    """What the examiner of one family notes down while it looks.

    Attributes:
        troubles: what is wrong.
        facts: what was measured: `pages`, `seconds`, `dpi`, `mode`, `width`, `height`, `version`,
            `puid` and the like; `annexes`, how many its first page names; plain values.
        text: pieces of its text layer, for the questions.
        words: the first words (`first_words`), where the examiner has met them; else None.
        seconds: how much computing the thorough part may take before it stops and says so.
    """

    troubles: list[Trouble] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    words: str | None = None
    seconds: float = 20.0
    _since: float = field(default_factory=time.process_time)

    def trouble(self, kind: str, problem: str, where: str | None = None) -> None:
        """Note a trouble; the same one is noted once, and of very many only the first."""
        found = Trouble(kind, problem[:_LONGEST], where[:_LONGEST] if where else None)
        if found not in self.troubles and len(self.troubles) < _MOST_TROUBLES:
            self.troubles.append(found)

    def within(self) -> Look:
        """A look at a part of the file, in what is left of the same time."""
        return Look(seconds=self.seconds, _since=self._since)

    def has(self, *kinds: str) -> bool:
        """Whether a trouble of one of these kinds has been noted."""
        return any(each.kind in kinds for each in self.troubles)

    @property
    def is_late(self) -> bool:
        """Whether the thorough part has had its time."""
        return time.process_time() - self._since > self.seconds


@dataclass(frozen=True)
class Examination:
    """What the bytes of a file have shown. Nothing of its text is in here.

    Attributes:
        kind: its format; None for an unknown one.
        troubles: what is wrong.
        facts: what was measured (see `Look`).
        mark: whether its first page bears a mark of classification.
        answers: which of the questions its text answers; None when it has no text layer.
    """

    kind: Format | None
    troubles: tuple[Trouble, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    mark: Mark = Mark.WORDLESS
    answers: Mapping[str, bool] | None = None

    @classmethod
    def impossible(cls, kind: Format | None, problem: str) -> Examination:
        """That of a file which ended the process that looked at it."""
        return cls(kind, (Trouble(UNEXAMINED, problem),), mark=Mark.UNREAD)

    @property
    def is_complete(self) -> bool:
        """Whether the file was looked at at all."""
        return all(each.kind != UNEXAMINED for each in self.troubles)

    def to_wire(self) -> dict[str, Any]:
        """The examination as plain values."""
        return {
            "kind": self.kind.code if self.kind else None,
            "troubles": [[each.kind, each.problem, each.where] for each in self.troubles],
            "facts": dict(self.facts),
            "mark": str(self.mark),
            "answers": None if self.answers is None else dict(self.answers),
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Examination:
        """Read what `to_wire` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        answers = data["answers"]
        return cls(
            FORMATS[data["kind"]] if data["kind"] is not None else None,
            tuple(
                Trouble(str(kind), str(problem), None if where is None else str(where))
                for kind, problem, where in data["troubles"]
            ),
            dict(data["facts"]),
            Mark(data["mark"]),
            None if answers is None else {str(key): bool(answers[key]) for key in answers},
        )


def pages_of(examination: Examination) -> int | None:
    """How many pages the file has, where its format has pages."""
    return cast("int | None", examination.facts.get("pages"))
