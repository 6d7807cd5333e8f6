"""What is wrong in a row of a sheet, said so that a clerk can mend it."""

from __future__ import annotations

from dataclasses import dataclass

from node.intake.columns import vocabulary
from shared.kernel.errors import DanglianError


@dataclass(frozen=True)
class Problem:
    """What is wrong in one field of a row, and what to do."""

    field: str
    problem: str
    remedy: str
    code: str = "invalid"

    def to_wire(self) -> dict[str, str]:
        """The problem as a plain mapping, with the field's name for people."""
        return {
            "field": self.field,
            "name": vocabulary().label(self.field),
            "problem": self.problem,
            "remedy": self.remedy,
            "code": self.code,
        }


def problem_of(error: DanglianError, field: str | None = None) -> Problem:
    """What an error says, as the problem of a row, in `field` where that is given."""
    return Problem(field or error.field or "title", error.message, error.remedy, error.code)
