"""The seals 签章 that the check has found in the files of a batch, as a person reads them."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, select, type_coerce
from sqlalchemy.orm import Session

from hub.receiving.models import Offer
from shared.kernel.clock import parse_utc
from shared.seals import Verdict
from shared.verifier.certificates import Certificate


@dataclass(frozen=True)
class FoundSeal:
    """A seal in a file: whose it is, under which authority, what it is worth, and its times.

    `signed_at` is what the seal says of itself, `proven_at` what a time stamp proves.
    """

    file: str
    name: str | None
    holder: str | None
    authority: str | None
    verdict: Verdict
    signed_at: datetime | None
    proven_at: datetime | None


def has_seals() -> ColumnElement[bool]:
    """Whether the check of an offer has found a seal (its report is canonical JSON)."""
    return type_coerce(Offer.report, Text).contains('"seals":[{')


def batch_has_seals(batch_row_id: str, *, session: Session) -> bool:
    """Whether any file of a batch has a seal."""
    found = select(Offer.id).where(Offer.batch_id == batch_row_id, has_seals())
    return session.scalar(found.limit(1)) is not None


def seals_in(offer: Offer) -> Iterator[FoundSeal]:
    """The seals in the files of one offer, in the order of the files."""
    for said in (offer.report or {}).get("seals", ()):
        yield FoundSeal(
            said["file"],
            said["name"],
            said["signer"],
            _authority(said),
            Verdict(said["verdict"]),
            *(said[name] and parse_utc(said[name]) for name in ("signed_at", "proven_at")),
        )


def _authority(said: Mapping[str, Any]) -> str | None:
    """Who certified the holder, where the chain has that: the name in the next certificate."""
    issuers = said["chain"][1:]
    return Certificate(b64decode(issuers[0])).name if issuers else None
