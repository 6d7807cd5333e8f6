"""All that the registry holds of one fonds, for when the fonds moves to another node."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from node.registry.models import Registered, RegisteredFile, Serial


def rows_of_fonds(fonds_id: str) -> list[Select[Any]]:
    """One statement for each table, in the order in which rows can be written again."""
    ids = select(Registered.id).where(Registered.fonds_id == fonds_id)
    return [
        select(Serial).where(Serial.fonds_id == fonds_id),
        select(Registered).where(Registered.fonds_id == fonds_id),
        select(RegisteredFile).where(RegisteredFile.document_id.in_(ids)),
    ]
