"""What the catalogue tells the rooms above it, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from hub.federation.events import tell


@dataclass(frozen=True)
class RecordsChanged:
    """Records in an archive's custody are not what they were: received, corrected, disposed."""

    record_ids: tuple[str, ...]


def tell_changed(session: Session, record_ids: Iterable[str]) -> None:
    """Tell that these records in an archive's custody have changed."""
    changed = tuple(sorted(set(record_ids)))
    if changed:
        tell(session, RecordsChanged(changed))
