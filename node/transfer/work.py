"""The background work of transfer: inspecting and offering batches, in short transactions.

Files are read and packages built outside of any transaction. Killed anywhere, it goes on where
the last commit left it: a package that was built is found again, and no offer is told twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from node.filing import service as filing
from node.office.places import NodeFolder
from node.office.service import fonds_of, office_of, require_grant, tell_hub_many
from node.office.working import FolderRunner
from node.registry.files import object_name
from node.transfer import inspections
from node.transfer.batches import INSPECT, OFFER
from node.transfer.checking import Checked, Checker
from node.transfer.models import Batch, BatchRecord
from node.transfer.offering import close_batch, offer_fact, package_name
from node.transfer.questions import records_of
from node.transfer.sets import report_on
from shared.inspection.profile import EEP, Profile
from shared.inspection.report import CheckResult
from shared.inspection.ruleset import Rules, built_in
from shared.kernel.actor import Actor
from shared.kernel.clock import now
from shared.kernel.errors import DanglianError, NotFound
from shared.kernel.files import file_sha256
from shared.kernel.jobs import Job, Steps
from shared.packaging import PackageIdentity, build_package, open_package
from shared.packaging.eep.form import CanonicalForm
from shared.packaging.wrapping import wrapping
from shared.records.fonds import Fonds
from shared.records.record import content_digest

#: Records to one transaction: of inspection and packing, and of freezing.
CHUNK = 50
_FREEZE = 200
#: Bytes of packages inside the entries of one transaction.
_MOST_INLINE = 4 * 1024 * 1024


@dataclass
class _Packed:
    """One package, built and stored; its bytes when they ride inside the entry."""

    identity: PackageIdentity
    content: bytes | None
    target: Path


@dataclass(frozen=True)
class _Wanted:
    """What packages are made by: their fonds, what rides inside an entry, what the archive asks."""

    fonds: Fonds
    limit: int
    profile: Profile


@dataclass
class _Prepared:
    """What was done outside of the transaction for the next chunk of one job."""

    checked: dict[str, Checked] = field(default_factory=dict)
    packed: dict[str, _Packed] = field(default_factory=dict)
    of_set: Sequence[CheckResult] = ()


class TransferWork(FolderRunner):
    """Works off the batches of one node; `step` is for `Background`, `finish` for the command."""

    def __init__(self, folder: NodeFolder) -> None:
        self._checker = Checker(folder)
        super().__init__(
            folder,
            "building",
            "提交移交",
            {
                INSPECT: Steps(self._prepare, self._note),
                OFFER: Steps(self._prepare, self._offer, self._tidy),
            },
        )

    def _tidy(self, _job: Job, prepared: _Prepared | None) -> None:
        for packed in prepared.packed.values() if prepared else ():
            with suppress(FileNotFoundError):
                packed.target.unlink()

    def _prepare(self, job: Job) -> _Prepared:
        prepared = _Prepared()
        with self._database.read() as session:
            batch = session.get(Batch, job.arguments["batch_id"])
            if batch is None:
                return prepared
            fonds = fonds_of(batch.fonds_id, session)
            limit = office_of(session).inline_limit
            records = records_of(batch.id, session=session)
            if job.kind == INSPECT:
                unchecked = [each for each in records if _unchecked(each)]
                todo = unchecked[:CHUNK]
                if len(todo) == len(unchecked):  # the last ones: then the batch as a whole
                    prepared.of_set = report_on(batch, session=session).checks
            elif any(each.record_version is None for each in records):
                todo = []
            else:
                todo = [each for each in records if not each.told and _to_tell(each, job)][:CHUNK]
            ids = [each.record_id for each in todo]
            wires = filing.wires(ids, session=session) if ids else []
            if job.kind == INSPECT:
                taken = self._checker.codes_elsewhere(wires, session)
            rules = self._rules(job, batch, todo, session)
        if job.kind == INSPECT:
            for each, wire in zip(todo, wires, strict=True):
                prepared.checked[each.offer_id] = self._checker.check(wire, fonds, taken, rules)
        else:
            if job.arguments.get("again"):
                self._require_stored(todo)
            try:
                self._pack(todo, wires, _Wanted(fonds, limit, rules.profile), prepared)
            except BaseException:
                self._tidy(job, prepared)
                raise
        return prepared

    def _rules(self, job: Job, batch: Batch, todo: list[BatchRecord], session: Session) -> Rules:
        """Those of the batch, by which it is inspected, and its packages get their form.

        Where every package is here already nobody needs them, and they may have been forgotten.
        """
        if job.kind == INSPECT or not all(map(self._is_stored, todo)):
            return inspections.rules_of(batch, session=session)
        return built_in()

    def _is_stored(self, each: BatchRecord) -> bool:
        sha256 = each.package_sha256
        return sha256 is not None and self._folder.packages.exists(package_name(sha256))

    def _require_stored(self, todo: list[BatchRecord]) -> None:
        """What was decided on can only be told with the package that was decided on."""
        if not all(map(self._is_stored, todo)):
            raise NotFound(
                "本机已没有这一批原来的信息包，不能再次提交。",
                "请与市档案馆核对这一批是否完整。",
            )

    # Inspection

    def _note(self, job: Job, prepared: _Prepared, session: Session) -> bool:
        batch = session.get(Batch, job.arguments["batch_id"])
        if batch is None or batch.state != "preparing":
            return True
        todo = [each for each in records_of(batch.id, session=session) if _unchecked(each)]
        versions = {
            record.id: record.version
            for record in filing.records_named(
                [each.record_id for each in todo if each.offer_id in prepared.checked],
                session=session,
            )
        }
        noted, tool = [], ""
        for each in todo:
            checked = prepared.checked.get(each.offer_id)
            if checked is None or versions[each.record_id] != checked.version:
                continue  # changed meanwhile: the next chunk looks again
            each.inspected_version = checked.version
            each.findings = checked.findings
            each.errors, each.warnings = checked.errors, checked.warnings
            noted.append(checked.results)
            tool = checked.tool
        inspections.add_to_run(batch, noted, tool=tool, session=session)
        session.flush()
        left = sum(1 for each in todo if each.inspected_version is None)
        job.done = batch.count - left
        if left:
            return False
        batch.inspected_at = now()
        inspections.end_run(batch, prepared.of_set, session=session)
        wrong = sum(1 for each in records_of(batch.id, session=session) if each.errors)
        job.result = {
            "errors": wrong,
            "message": f"检测完毕：{wrong} 件不合格。" if wrong else "检测完毕，没有不合格的档案。",
        }
        return True

    # Offering

    def _pack(
        self,
        todo: list[BatchRecord],
        wires: list[dict[str, Any]],
        wanted: _Wanted,
        prepared: _Prepared,
    ) -> None:
        inside = 0
        for each, wire in zip(todo, wires, strict=True):
            packed = self._stored(each, wanted.limit) or self._build(each, wire, wanted)
            prepared.packed[each.offer_id] = packed
            inside += len(packed.content or b"")
            if inside > _MOST_INLINE:
                return

    def _stored(self, each: BatchRecord, limit: int) -> _Packed | None:
        """The package of an offer that was made before, when it is still here."""
        if not self._is_stored(each):
            return None
        identity = PackageIdentity(str(each.package_sha256), each.package_size)
        return _Packed(identity, self._inside(identity, limit), self._target(each))

    def _build(self, each: BatchRecord, wire: dict[str, Any], wanted: _Wanted) -> _Packed:
        """Build and store the package of an offer; one that a killed process built is taken."""
        target = self._target(each)
        identity = _built_before(target, each)
        if identity is None:
            files = {
                file["id"]: self._folder.path / "files" / object_name(file["sha256"])
                for document in wire["documents"]
                for file in document["files"]
            }
            fonds, seal = wanted.fonds, self._folder.keys.seal()
            wrap = None
            if wanted.profile.form_for(wire["level"], has_files=bool(files)) == EEP:
                rule = CanonicalForm(wanted.profile.rule)
                wrap = wrapping(files, fonds=fonds, seal=seal, unit=fonds.name, rule=rule)
            identity = build_package(
                wire,
                files,
                offer_id=each.offer_id,
                unit=fonds.name,
                fonds=fonds,
                seal=seal,
                target=target,
                wrap=wrap,
            )
        with target.open("rb") as stream:
            self._folder.packages.put(
                package_name(identity.sha256),
                stream,
                sha256=identity.sha256,
                size=identity.size,
            )
        return _Packed(identity, self._inside(identity, wanted.limit), target)

    def _target(self, each: BatchRecord) -> Path:
        return self._folder.path / "building" / f"{each.offer_id}.zip"

    def _inside(self, identity: PackageIdentity, limit: int) -> bytes | None:
        if identity.size > limit:
            return None
        with self._folder.packages.open(package_name(identity.sha256)) as stream:
            return stream.read()

    def _offer(self, job: Job, prepared: _Prepared, session: Session) -> bool:
        batch = session.get(Batch, job.arguments["batch_id"])
        if batch is None or not batch.offering:
            return True
        require_grant(session)
        records = records_of(batch.id, session=session)
        unfrozen = [each for each in records if each.record_version is None]
        untold = [each for each in records if not each.told and _to_tell(each, job)]
        if unfrozen:
            self._freeze(batch, _whole_volumes(unfrozen), session)
        elif untold:
            self._tell(batch, untold, prepared, session)
        else:
            close_batch(batch, session=session)
            job.result = {"message": "已提交；可在“到哪了”查看进展。"}
            return True
        job.done = sum((each.record_version is not None) + each.told for each in records)
        return False

    def _freeze(self, batch: Batch, some: list[BatchRecord], session: Session) -> None:
        """Freeze records: filing marks them offered, and tells the hub this last version."""
        actor = Actor(batch.offered_by_id or "", batch.offered_by or "")
        ids = [each.record_id for each in some]
        filing.mark_offered(actor, ids, session=session, basis=f"移交批次：{batch.title}"[:500])
        for each, wire in zip(some, filing.wires(ids, session=session), strict=True):
            each.record_version = wire["version"]
            each.record_digest = content_digest(wire)

    def _tell(
        self, batch: Batch, untold: list[BatchRecord], prepared: _Prepared, session: Session
    ) -> None:
        facts = []
        scheme = inspections.scheme_named(batch, session=session)
        for each in untold:
            packed = prepared.packed.get(each.offer_id)
            if packed is None:
                continue
            each.package_sha256 = packed.identity.sha256
            each.package_size = packed.identity.size
            each.inline = packed.content is not None
            each.uploaded = each.inline or each.uploaded
            each.told = True
            facts.append(offer_fact(batch, each, packed.content, scheme))
        tell_hub_many(session, facts)


def _unchecked(each: BatchRecord) -> bool:
    return each.inspected_version is None


def _to_tell(each: BatchRecord, job: Job) -> bool:
    return bool(job.arguments.get("again")) or each.outcome in (None, "accepted")


def _whole_volumes(unfrozen: list[BatchRecord]) -> list[BatchRecord]:
    """The first records, cut before one that is not an item: a volume goes in one piece."""
    if len(unfrozen) <= _FREEZE:
        return unfrozen
    end = _FREEZE
    while end < len(unfrozen) and not unfrozen[end].heads:
        end += 1
    return unfrozen[:end]


def _built_before(target: Path, each: BatchRecord) -> PackageIdentity | None:
    """The identity of a whole package of this very offer that lies there already."""
    if not target.is_file():
        return None
    try:
        with open_package(target) as package:
            manifest = package.manifest
            same = (manifest.offer_id, manifest.record_digest) == (
                each.offer_id,
                each.record_digest,
            )
    except DanglianError:
        return None
    return PackageIdentity(file_sha256(target), target.stat().st_size) if same else None
