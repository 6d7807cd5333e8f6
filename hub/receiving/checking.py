"""The check of what came in: bytes into staging, the package opened safely, and inspected.

A loop that looks for offers whose bytes are here and that nobody has checked. Between the
transactions it works on files alone, so that a kill only means that some are checked again.
"""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, undefer

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.receiving.models import Batch, Offer, OfferState
from hub.receiving.progress import advance, locked_batch
from hub.receiving.rules import rules_of
from shared import audit
from shared.inspection.clamd import Clamd
from shared.inspection.decoder import decoder_at
from shared.inspection.finding import Finding
from shared.inspection.formats.remembering import Remembered
from shared.inspection.report import Report, Stage
from shared.inspection.ruleset import Rules
from shared.inspection.run import inspect_package
from shared.inspection.scanner import Scanner
from shared.inspection.scheme import Occasion
from shared.inspection.subject import Context
from shared.kernel.actor import system_actor
from shared.kernel.clock import now, utc_text
from shared.kernel.database import Database
from shared.kernel.errors import DanglianError, Unavailable
from shared.kernel.files import chunks
from shared.kernel.keys import PublicKey, signer_of
from shared.messaging.log import lock_streams
from shared.packaging import PackageIdentity, open_package
from shared.records import archival_code
from shared.records.fonds import Fonds
from shared.seals.authorities import AuthoritiesFolder
from shared.storage import Staging

log = logging.getLogger(__name__)

_ACTOR = system_actor("receiving")
_CHUNK = 50

#: Findings after which nobody can take the package for the offered one.
_UNSOUND = frozenset(
    {
        "catalogue_differs",
        "entry_digest_differs",
        "entry_size_differs",
        "entry_sm3_differs",
        "file_differs",
        "file_digest_differs",
        "file_missing",
        "file_not_in_record",
        "fonds_id_differs",
        "virus_found",
        "offer_id_differs",
        "package_digest_differs",
        "record_digest_differs",
        "record_id_differs",
        "record_not_canonical",
        "record_unreadable",
        "record_version_differs",
        "seal_invalid",
        "seal_malformed",
        "seal_of_another",
    }
)


@dataclass(frozen=True)
class _Work:
    """An offer with all that its check must know, taken along out of the transaction."""

    offer: Offer
    fonds: Fonds
    seals: Sequence[PublicKey]
    catalogue_digest: str | None
    rules: Rules
    #: The catalogue shows no title of it: an earlier check found a mark.
    withheld: bool


@dataclass(frozen=True)
class _Checked:
    offer_id: str
    report: dict[str, Any]
    findings: tuple[Finding, ...]
    sound: bool
    classified: bool
    #: Of a withheld record that bears no mark any more: what its node had told.
    told: dict[str, Any] | None = None


class Checking:
    """Checks what has come in (a step for `Background`)."""

    def __init__(
        self,
        database: Database,
        staging: Staging,
        authorities: AuthoritiesFolder | None = None,
        clamd: Clamd | None = None,
        *,
        remembered: Remembered | None = None,
        decoder: str = "",
    ) -> None:
        self._database = database
        self._staging = staging
        self._authorities = authorities
        self._clamd = clamd
        self._remembered = remembered
        self._decoder = decoder
        self._scanner: Scanner | None = None

    def step(self) -> bool:
        """Check some offers; False when there are none. Raises Unavailable without its scanner."""
        work = self._next()
        if not work:
            return False
        self._scanner = self._clamd.scanner() if self._clamd else None
        checked = [self._check(each) for each in work]
        with self._database.write() as session:
            _write(checked, session)
        return True

    def _next(self) -> list[_Work]:
        with self._database.read() as session:
            offers = session.scalars(
                select(Offer)
                .options(undefer(Offer.inline))
                .where(
                    Offer.checked_at.is_(None),
                    Offer.state == OfferState.OPEN,
                    Offer.arrived.is_(True),
                )
                .order_by(Offer.id)
                .limit(_CHUNK)
            ).all()
            if not offers:
                return []
            records = catalogue.records_of({each.record_id for each in offers}, session)
            fonds = federation.fonds_named({each.fonds_id for each in offers}, session)
            batches = session.scalars(
                select(Batch).where(Batch.id.in_({each.batch_id for each in offers}))
            )
            rules = {each.id: rules_of(each, session=session) for each in batches}
            shapes = {id_: each.shape for id_, each in fonds.items()}
            seals = {
                node_id: federation.node_seals(node_id, session)
                for node_id in {each.node_id for each in offers}
            }
        return [
            _Work(
                offer,
                shapes[offer.fonds_id],
                seals[offer.node_id],
                records[offer.record_id].digest if offer.record_id in records else None,
                rules[offer.batch_id],
                offer.record_id in records
                and catalogue.is_withheld(records[offer.record_id].title),
            )
            for offer in offers
        ]

    def _check(self, work: _Work) -> _Checked:
        offer = work.offer
        try:
            if offer.inline is not None:
                self._stage(offer, offer.inline)
            return self._inspect(work)
        except (Unavailable, OSError):
            raise
        except DanglianError as error:
            # It cannot be opened: that is its one finding.
            return _failed(offer, Finding.of_error(error))
        except Exception:
            # One strange package must not stop the checks of a whole city.
            log.exception("check of offer %s crashed", offer.id)
            problem = Finding(
                "not_run", "检测程序出错，本件未能检测。", "请把这件的档号告诉系统管理员。"
            )
            return _failed(offer, problem)

    def _stage(self, offer: Offer, content: bytes) -> None:
        self._staging.begin(offer.id, size=offer.package_size, sha256=offer.package_sha256)
        self._staging.put_part(
            offer.id, 1, io.BytesIO(content), size=len(content), sha256=offer.package_sha256
        )

    def _inspect(self, work: _Work) -> _Checked:
        with tempfile.TemporaryDirectory(prefix="danglian-check-") as folder:
            path = Path(folder) / "package.zip"
            with self._staging.open_whole(work.offer.id) as source, path.open("wb") as copy:
                for piece in chunks(source):
                    copy.write(piece)
            identity = PackageIdentity(work.offer.package_sha256, work.offer.package_size)
            report = inspect_package(path, self._context(work, path))
            # Without a subject it could not even be opened.
            sound = report.subject is not None and not any(
                each.code in _UNSOUND for each in report.errors
            )
            told, content = None, None
            if sound and not report.is_classified:
                with open_package(path, identity=identity) as package:
                    sizes = [entry.size for entry in package.files.values()]
                    content = {"files": len(sizes), "bytes": sum(sizes)}
                    told = package.record_wire if work.withheld else None
        return _Checked(
            work.offer.id,
            {**report.to_wire(), "content": content},
            report.findings,
            sound=sound,
            classified=report.is_classified,
            told=told,
        )

    def _context(self, work: _Work, path: Path) -> Context:
        offer = work.offer
        identity = PackageIdentity(offer.package_sha256, offer.package_size)
        return Context(
            occasion=Occasion.RECEIVING,
            scheme=work.rules.scheme,
            profile=work.rules.profile,
            accepted_formats=work.rules.formats,
            schedule=work.rules.schedule,
            fonds=work.fonds,
            code_used_by=lambda code: self._holder(offer.fonds_id, code),
            seal=_seal_named_in(path, work.seals),
            identity=identity,
            # Staging hands out the last bytes of the copy only if the whole is this one.
            measured=identity,
            offer={
                "offer_id": offer.id,
                "record_id": offer.record_id,
                "record_version": offer.record_version,
                "record_digest": offer.record_digest,
            },
            record_digest=work.catalogue_digest,
            authorities=self._authorities.current() if self._authorities else None,
            scan=self._clamd.scan if self._clamd else None,
            scanner=self._scanner,
            decoder=decoder_at(self._decoder),
            remembered=self._remembered,
        )

    def _holder(self, fonds_id: str, code: str) -> str | None:
        with self._database.read() as session:
            held = catalogue.codes_in_use(fonds_id, [code], session)
        return held.get(archival_code.normalise(code))


def _seal_named_in(path: Path, seals: Sequence[PublicKey]) -> PublicKey | None:
    """The seal of the unit against which a package is held: the one of the day it was sealed.

    A unit whose computer was replaced has had several; one that it never had is none of them, and
    is then held against the one in force.
    """
    if len(seals) > 1:
        with open_package(path) as package:
            named = signer_of(seals, package.signature)
        if named is not None:
            return named
    return seals[-1] if seals else None


def _failed(offer: Offer, finding: Finding) -> _Checked:
    report = Report(Stage.TRANSFER, offer.record_id, (), (finding,), utc_text()).to_wire()
    report.update(passed=False, conclusion=f"不通过：{finding.problem}")
    return _Checked(offer.id, report, (finding,), sound=False, classified=False)


def _write(checked: Iterable[_Checked], session: Session) -> None:
    results = {each.offer_id: each for each in checked}
    rows = session.execute(
        select(Batch.node_id, Batch.id)
        .where(Batch.id.in_(select(Offer.batch_id).where(Offer.id.in_(results))))
        .order_by(Batch.node_id, Batch.id)
        .distinct()
    ).all()
    lock_streams(session, [node_id for node_id, _ in rows])
    for _, batch_id in rows:
        batch = locked_batch(session, batch_id)
        before = batch.state
        for offer in session.scalars(
            select(Offer).where(Offer.batch_id == batch_id, Offer.id.in_(results))
        ):
            _note(offer, results[offer.id], session)
        advance(batch, session=session)
        if batch.state == "under_review" != before:
            audit.record(
                session, _ACTOR, "batch.checked", f"batch:{batch.id}",
                count=batch.count, findings=batch.findings, errors=batch.errors,
            )  # fmt: skip


def _note(offer: Offer, result: _Checked, session: Session) -> None:
    offer.inline = None
    record = catalogue.records_of([offer.record_id], session).get(offer.record_id)
    if result.classified:  # also of an offer that was withdrawn meanwhile
        _withhold(offer.record_id, record, session)
    if offer.checked_at is not None or offer.state != OfferState.OPEN:
        return  # withdrawn meanwhile, or another worker was faster
    offer.checked_at = now()
    offer.report = result.report
    offer.findings = len(result.findings)
    offer.errors = sum(each.is_error for each in result.findings)
    offer.finding_codes = sorted({each.code for each in result.findings})
    offer.sound = result.sound and not result.classified
    if result.classified:
        audit.record(session, _ACTOR, "offer.classified", f"offer:{offer.id}")
    elif result.told is not None and record is not None:
        catalogue.show_again(session, record, result.told)
        offer.title = record.title


def _withhold(record_id: str, record: CatalogueRecord | None, session: Session) -> None:
    """Keep the title of a record that bears a mark neither in the catalogue nor in any offer."""
    session.execute(
        update(Offer).where(Offer.record_id == record_id).values(title=catalogue.WITHHELD_TITLE)
    )
    if record is not None:
        catalogue.withhold(session, record)
