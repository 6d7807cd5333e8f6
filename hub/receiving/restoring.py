"""After a restore of the database: what the store holds beyond it is received again (protocol §4).

A hub that was restored from yesterday's database with today's store is whole for all that was
received since, even if the nodes never come back. Each batch is brought to `received` in one
transaction, with the same verbs as ever; what is there already is left alone, so that it may be
killed and run again. Only what bears a valid receipt counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.receiving.evidence import adopt_verdict, require_signature
from hub.receiving.finishing import stored_register
from hub.receiving.models import Batch, Offer, OfferState, Receipt, Verdict
from hub.receiving.progress import offers_left_out
from hub.receiving.restored_batch import bury_again, settle_left_out, settle_stored
from hub.receiving.stored import NotRestored, StoredBatch, read_batch, tell_left_out
from hub.repository import service as repository
from hub.repository.examining import Stores
from hub.repository.fixity import Fixity
from hub.repository.tombstones import stored_tombstones, tombstone_of
from shared.kernel.ailment import Ailment
from shared.kernel.errors import DanglianError, Unavailable

_CHUNK = 500
Tell = Callable[[str], None]
_T = TypeVar("_T")


@dataclass
class Restored:
    """What came of it: what was received again, and what does not count and why.

    `batches` and `records` were received again, `incomplete` of the batches without those records
    that `left_out` counts; of `destroyed` ones the tombstones came back; `verdicts` were found
    again, `known` were there.
    """

    batches: int = 0
    records: int = 0
    incomplete: int = 0
    left_out: int = 0
    destroyed: int = 0
    verdicts: int = 0
    known: int = 0
    findings: list[Ailment] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each, by name."""
        return {
            "batches": self.batches,
            "records": self.records,
            "incomplete": self.incomplete,
            "left_out": self.left_out,
            "destroyed": self.destroyed,
            "verdicts": self.verdicts,
            "known": self.known,
        }


def restore_received(folder: HubFolder, tell: Tell) -> Restored:
    """Bring the database to what the store has received beyond it; `tell` hears the progress."""
    return _Restoring(folder, tell).run()


class _Restoring:
    def __init__(self, folder: HubFolder, tell: Tell) -> None:
        self._folder = folder
        self._database = folder.database()
        self._stores = Stores(folder.store, folder.second_store)
        self._store = folder.store
        self._tell = tell
        self._done = Restored()
        #: Verdicts that the database lacks, by batch: where each lies.
        self._verdicts: dict[str, list[tuple[str, str]]] = defaultdict(list)
        #: Receipts that do not count: their packages are explained already.
        self._explained: set[str] = set()

    def run(self) -> Restored:
        with self._database.read() as session:
            archives = [(each.code, each.name) for each in federation.archives(session)]
        for code, name in archives:
            self._find_verdicts(code, name)
        for code, name in archives:
            self._receipts(code, name)
        for code, name in archives:
            self._leftovers(code, name)
        return self._done

    # ---- verdicts

    def _find_verdicts(self, code: str, name: str) -> None:
        """Conclude the batches that the database still has under review, oldest first."""
        lost = []
        for ids in _chunks(repository.paper_ids(self._store, code, "verdicts")):
            with self._database.read() as session:
                known = set(session.scalars(select(Verdict.id).where(Verdict.id.in_(ids))))
            for each in ids:
                document = None if each in known else self._verdict(code, each)
                if document is not None:
                    self._verdicts[document["batch_id"]].append((code, each))
                    lost.append((document["at"], each))
        for _at, verdict_id in sorted(lost):
            self._conclude(self._verdict(code, verdict_id))
        if lost:
            self._tell(f"{name}：找回审核结论 {len(lost)} 份")

    def _verdict(self, code: str, verdict_id: str) -> dict[str, Any] | None:
        document = repository.paper_of(self._store, code, "verdicts", verdict_id)
        if document is None:
            return None
        with self._database.read() as session:
            named = (document.get("signature") or {}).get("key")
            key = federation.hub_key_named(named, session)
        try:
            require_signature([key] if key else [], document, "signature")
        except DanglianError as error:
            self._note("verdict_unsigned", f"审核结论 {verdict_id}：{error.message}", error.remedy)
            return None
        return document

    def _conclude(self, document: Mapping[str, Any] | None) -> None:
        """Let a verdict count for a batch that the database has whole, and not concluded."""
        if document is None:
            return
        try:
            with self._database.write() as session:
                first = session.get(Offer, document["offers"][0]["offer_id"])
                if first is None or session.get_one(Batch, first.batch_id).concluded_at:
                    return
                adopt_verdict(session, first.node_id, document)
                if federation.node_of(first.node_id, session).has_streams:
                    federation.tell_node(
                        session, first.node_id, "verdict", document["batch_id"], dict(document)
                    )
        except Unavailable:
            raise
        except DanglianError:
            return  # not all of the batch had arrived: it comes with its receipt, or its node
        self._done.verdicts += 1

    # ---- receipts

    def _receipts(self, code: str, name: str) -> None:
        register = stored_register(self._store, code)
        with self._database.read() as session:
            seals = federation.seals_of(code, session)
        gone = stored_tombstones(self._store, code, seals)
        for ids in _chunks(repository.paper_ids(self._store, code, "receipts")):
            with self._database.read() as session:
                known = set(session.scalars(select(Receipt.id).where(Receipt.id.in_(ids))))
                wanting = offers_left_out(known, session)
            self._done.known += len(known)
            for receipt_id in ids:
                wanted = wanting.get(receipt_id)
                if receipt_id in known and not wanted:
                    continue
                try:
                    stored = read_batch(
                        self._stores, code, receipt_id, seals,
                        finished=receipt_id in register, gone=gone, wanted=wanted,
                    )  # fmt: skip
                    self._settle(stored, register, is_known=receipt_id in known)
                except NotRestored as problem:
                    self._explained.add(receipt_id)
                    self._done.findings.append(problem.ailment)
                    continue
                self._done.batches += receipt_id not in known
                self._done.records += len(stored.records)
                self._done.destroyed += len(stored.destroyed)
                self._note_left_out(stored)
                self._tell(f"{name}：{stored.about}")

        self._bury(gone)

    def _bury(self, gone: Mapping[str, dict[str, Any]]) -> None:
        """Let the tombstones count of records that the database still has as kept."""
        for ids in _chunks(gone):
            with self._database.write() as session:
                known = catalogue.records_of(ids, session)
                stones = [
                    gone[each]
                    for each, record in known.items()
                    if record.received and tombstone_of(each, session=session) is None
                ]
                bury_again(stones, session=session)
            self._done.destroyed += len(stones)

    def _settle(
        self, stored: StoredBatch, register: Mapping[str, Mapping[str, Any]], *, is_known: bool
    ) -> None:
        """Receive again what is whole: a batch, or what was left out of one that is `known`."""
        if is_known and stored.records:
            with self._database.write() as session:
                settle_left_out(stored, session=session)
        elif not is_known:
            verdicts = self._verdicts_of(stored.receipt["batch_id"])
            with self._database.write() as session:
                settle_stored(stored, verdicts, register, session=session)

    def _note_left_out(self, stored: StoredBatch) -> None:
        """Name what was left out of a batch, and have its objects read, so that fixity names it."""
        if not stored.left_out:
            return
        self._done.incomplete += 1
        self._done.left_out += len(stored.left_out)
        self._done.findings += tell_left_out(stored)
        self._explained.add(stored.receipt["receipt_id"])
        code = stored.receipt["archive"]
        ids = [each.line["record_id"] for each in stored.left_out]
        with self._database.write() as session:
            places = repository.note_damaged(session, code, ids)
        Fixity(self._database, self._stores, pause=0.0).look_at(places)

    def _verdicts_of(self, batch_id: str) -> list[dict[str, Any]]:
        found = (self._verdict(code, each) for code, each in self._verdicts[batch_id])
        return [document for document in found if document is not None]

    # ---- what is left

    def _leftovers(self, code: str, name: str) -> None:
        """Name the packages that no receipt covers; they stay for receiving to complete."""
        count = 0
        with self._database.read() as session:
            under_way = _under_way(code, session)
        for folders in _chunks(_folders(repository.folders(self._store, code))):
            count += len(folders)
            packages = [package for _folder, package, _sealed in folders]
            with self._database.read() as session:
                known = repository.known_packages(packages, session=session)
            for folder, package, sealed in folders:
                if package not in known and package not in under_way:
                    self._explain(package, f"{folder}/receipt.json" if sealed else None)
        if count:
            self._tell(f"{name}：馆藏 {count} 件已核对")

    def _explain(self, package: str, slip: str | None) -> None:
        if slip is not None:
            with self._store.open(slip) as stream:
                document = repository.read_document(stream.read()) or {}
            if document.get("receipt_id") in self._explained:
                return
        self._note(
            "package_without_receipt",
            f"馆藏里的数据包 {package} 没有有效的接收凭证，不算已接收。",
            "留着它：该单位联网重新提交后，平台接着完成；确认不再需要的，由档案馆另行处理。",
        )

    def _note(self, code: str, problem: str, remedy: str) -> None:
        self._done.findings.append(Ailment(code, problem, remedy))


def _chunks(items: Iterable[_T]) -> Iterator[list[_T]]:
    rest = iter(items)
    while some := list(islice(rest, _CHUNK)):
        yield some


def _folders(folders: Iterable[tuple[str, list[str]]]) -> Iterator[tuple[str, str, bool]]:
    """Each package with its folder, and whether a receipt lies beside it."""
    for folder, held in folders:
        sealed = f"{folder}/receipt.json" in held
        for name in held:
            if name.endswith(".zip"):
                yield folder, name, sealed


def _under_way(code: str, session: Session) -> set[str]:
    """The packages of an archive whose receiving the database knows, and will finish."""
    rows = session.execute(
        select(Offer.record_id, Offer.package_sha256)
        .join(Batch, Batch.id == Offer.batch_id)
        .where(Batch.state == "receiving", Batch.receiving_archive == code)
        .where(Offer.state == OfferState.ACCEPTED)
    )
    return {
        name for record_id, sha256 in rows for name in repository.places(code, record_id, sha256)
    }
