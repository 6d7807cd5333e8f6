"""All that corrections hold of one fonds, for when the fonds moves to another node."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from node.corrections.models import Correction


def rows_of_fonds(fonds_id: str) -> list[Select[Any]]:
    """One statement for each table, in the order in which rows can be written again."""
    return [select(Correction).where(Correction.fonds_id == fonds_id)]


def unanswered(fonds_id: str, *, session: Session) -> int:
    """How many requests for a correction the archive has not answered yet."""
    query = select(func.count()).where(Correction.fonds_id == fonds_id, Correction.state == "asked")
    return session.scalar(query) or 0
