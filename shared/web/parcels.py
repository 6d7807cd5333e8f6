"""Taking in the files of parcels 邮包 that were chosen on a page, the same on both sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Protocol, cast

from flask import flash

from shared.kernel.errors import DanglianError, Unavailable
from shared.messaging.taken_parcels import TakenFile, settled
from shared.web.forms import all_uploaded


class Brought(TakenFile, Protocol):
    """What one file brought, with a sentence for people."""

    @property
    def sentence(self) -> str:
        """What it brought."""


def take_uploaded(take: Callable[[BinaryIO, str], Brought]) -> None:
    """Take in the chosen files one by one, and say what each brought.

    One that cannot be taken does not stop the others; only when the database is away it ends.
    Raises what is wrong with the first when none was taken, Invalid when none was chosen.
    """
    taken: list[Brought] = []
    problems: list[tuple[str, DanglianError]] = []
    for file in all_uploaded("file"):
        name = str(file.filename)
        try:
            taken.append(take(cast(BinaryIO, file.stream), name))
        except Unavailable as error:
            problems.append((name, error))
            break
        except DanglianError as error:
            problems.append((name, error))
    if not taken:
        raise problems[0][1]
    for name, problem in problems:
        flash(f"没有导入（{name}）：{problem.message}{problem.remedy}", "danger")
    for each in settled(taken):
        flash(f"已导入 {each.file}：{each.sentence}", "success")
        for finding in each.findings:
            flash(f"{finding.problem}{finding.remedy}", "warning")
