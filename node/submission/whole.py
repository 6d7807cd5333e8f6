"""All that was handed in for one fonds, for when the fonds moves to another node."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from node.submission.models import Submission


def rows_of_fonds(fonds_id: str) -> list[Select[Any]]:
    """One statement for each table, in the order in which rows can be written again."""
    return [select(Submission).where(Submission.fonds_id == fonds_id)]
