"""Writing a parcel 邮包 for the hub, and taking in what the hub has sent by hand.

For a node where no line leads, or while it is down. Writing moves nothing: only what the hub says
of our stream does, and that comes back by hand or over the link. What comes goes through the agent,
message by message, each in the transaction that a message of a link has; so a kill anywhere only
means to take the same file in again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy.orm import Session

from node.office.models import Office, OfficeState
from node.office.places import NodeFolder
from node.office.service import office_of
from node.sync.agent import Agent
from node.transfer import service as transfer
from shared.audit import record as audit
from shared.audit import require_witness
from shared.inspection.scheme import program_with_additions
from shared.kernel.actor import Actor, Role, require
from shared.kernel.ailment import Ailment
from shared.kernel.errors import Invalid, Unavailable, WrongState
from shared.messaging.entry import Handler
from shared.messaging.envelope import BadEnvelope
from shared.messaging.models import IncomingStream, OutgoingStream, TakenParcel
from shared.messaging.parcel import (
    FILE_BYTES,
    PAGE_BYTES,
    PART,
    ByHand,
    ParcelFile,
    Part,
    Written,
    one_file,
    take_in,
    write_parcel,
)
from shared.messaging.taken_parcels import (
    flaws,
    note_taken,
)
from shared.storage import PART_SIZE, ObjectStore, part_count

Tell = Callable[[str], None]

#: Envelopes, besides what they hold, take less than this share more.
_ENVELOPES = 1.05


@dataclass(frozen=True)
class Standing:
    """Where this node stands with the hub, as far as parcels are concerned.

    Attributes:
        changes: entries of ours that the hub has not acknowledged.
        packages: packages that it may lack, and `size` their bytes.
        taken: how many entries of the hub were applied in this epoch.
    """

    state: str
    epoch: int
    taken: int
    acknowledged: int
    changes: int
    packages: int
    size: int
    last: TakenParcel | None


def standing(session: Session) -> Standing:
    """Where this node stands. Raises WrongState before it is enrolled."""
    office = office_of(session)
    if office.hub_id is None:
        raise WrongState(
            "本机尚未联网登记，还不能用邮包。",
            "请先在能连到平台的地方登记一次（danglian node enrol），以后可只用邮包往来。",
            code="not_enrolled",
        )
    outgoing = session.get_one(OutgoingStream, office.hub_id)
    incoming = session.get_one(IncomingStream, office.hub_id)
    wanted = _wanted(office, session)
    return Standing(
        office.state,
        incoming.epoch,
        incoming.seq,
        outgoing.acked,
        outgoing.seq - outgoing.acked,
        len(wanted),
        sum(size for _, _, size in wanted),
        session.get(TakenParcel, office.hub_id),
    )


def _wanted(office: Office, session: Session) -> list[tuple[str, str, int]]:
    """Packages to carry: offer, digest, size; none before the hub has granted this instance."""
    return transfer.uploads_wanted(session, limit=None) if office.has_grant else []


def _agent(folder: NodeFolder, handlers: Mapping[str, Handler]) -> Agent:
    return Agent(folder, ByHand(), handlers, version=program_with_additions(version("danglian")))


@dataclass(frozen=True)
class _Outgoing:
    standing: Standing
    label: str
    messages: Iterator[bytes]
    agent: Agent


def _outgoing(actor: Actor, folder: NodeFolder, handlers: Mapping[str, Handler]) -> _Outgoing:
    """All that the hub may lack, packages too. Raises WrongState when this node may not send."""
    # Everything of every fonds is in it, so the right to a single one is not enough.
    require(actor, Role.CLERK)
    with folder.database().read() as session:
        now_ = standing(session)
        office = office_of(session)
        node_id = str(office.node_id)
        wanted = _wanted(office, session)
        require_witness(session)
    if now_.state == OfficeState.SUPERSEDED:
        raise WrongState(
            "另一台电脑已接替本机，本机不再发送。",
            "请在那台电脑上导出；如应由本机继续，请运行 danglian node recover。",
            code="superseded",
        )
    agent = _agent(folder, handlers)

    def messages() -> Iterator[bytes]:
        yield from agent.everything()
        for offer_id, sha256, size in wanted:
            name = transfer.package_name(sha256)
            for part in _parts(folder.packages, name, offer_id, sha256, size):
                yield agent.seal(PART, part.to_body())

    return _Outgoing(now_, f"danglian-up-{node_id[-8:]}", messages(), agent)


def write_for_hub(
    actor: Actor,
    folder: NodeFolder,
    handlers: Mapping[str, Handler],
    target: Path,
    *,
    file_bytes: int = FILE_BYTES,
    tell: Tell = lambda _text: None,
) -> tuple[Standing, Written]:
    """Write all that the hub may lack, packages too, into files in a folder.

    Raises WrongState when this node may not send, Unavailable when the folder cannot be written.
    """
    out = _outgoing(actor, folder, handlers)
    _check_room(target, out.standing.size)
    written = write_parcel(
        target, out.label, out.messages, out.agent.seal, file_bytes=file_bytes, tell=tell
    )
    with folder.database().write() as session:
        audit(
            session, actor, "parcel.written", "office", parcel=written.parcel_id,
            changes=out.standing.changes, packages=out.standing.packages,
            files=len(written.files),
        )  # fmt: skip
    return out.standing, written


def download_for_hub(
    actor: Actor, folder: NodeFolder, handlers: Mapping[str, Handler]
) -> tuple[str, Iterator[bytes]]:
    """The same as one file, as it is made: its name and its bytes.

    Raises WrongState as well when the packages are too large for a page.
    """
    out = _outgoing(actor, folder, handlers)
    if out.standing.size > PAGE_BYTES:
        raise WrongState(
            f"要带的数据包共 {out.standing.size / 2**20:.0f} MB，太大，不能在网页上导出。",
            "请管理员用命令导出到 U 盘：danglian node export-bundle --dir … --to …",
            code="parcel_too_large",
        )
    name, pieces = one_file(out.label, out.messages, out.agent.seal)
    with folder.database().write() as session:
        audit(
            session, actor, "parcel.written", "office", file=name,
            changes=out.standing.changes, packages=out.standing.packages,
        )  # fmt: skip
    return name, pieces


def _parts(store: ObjectStore, name: str, offer_id: str, sha256: str, size: int) -> Iterator[Part]:
    with store.open(name) as stream:
        for number in range(1, part_count(size) + 1):
            yield Part(offer_id, sha256, size, number, stream.read(PART_SIZE))


def _check_room(target: Path, size: int) -> None:
    try:
        free = shutil.disk_usage(target).free
    except OSError as error:
        raise Invalid(
            "to", f"没有目录 {target}，或不能读取。", "请插好 U 盘，指明它上面的目录。",
            code="no_folder",
        ) from error  # fmt: skip
    if free < size * _ENVELOPES:
        raise Unavailable(
            f"{target} 的剩余空间不够：数据包约需 {size * _ENVELOPES / 2**20:.0f} MB，"
            f"只剩 {free / 2**20:.0f} MB。",
            "请换一个大一些的 U 盘，或先清理。",
            code="stick_full",
        )


@dataclass(frozen=True)
class TakenIn:
    """What one file of a parcel from the hub brought.

    Attributes:
        changes: entries of the hub that were applied.
        acknowledged: entries of ours that it now says it has.
    """

    file: str
    parcel_id: str
    made_at: datetime
    changes: int
    acknowledged: int
    standing: Standing
    findings: tuple[Ailment, ...]

    @property
    def sentence(self) -> str:
        """For people."""
        return f"平台的 {self.changes} 条；平台新确认本机 {self.acknowledged} 条。"

    def to_wire(self) -> dict[str, Any]:
        """As a plain mapping, for programs."""
        return {
            "file": self.file,
            "parcel_id": self.parcel_id,
            "made_at": self.made_at,
            "changes": self.changes,
            "acknowledged": self.acknowledged,
            "waiting": self.standing.changes,
            "packages_waiting": self.standing.packages,
            "bytes_waiting": self.standing.size,
            "state": self.standing.state,
            "findings": [each.to_wire() for each in self.findings],
        }


def is_for(folder: NodeFolder, file: ParcelFile) -> bool:
    """Whether a file is from this node's hub to this node; nothing is believed yet."""
    with folder.database().read() as session:
        office = office_of(session)
        return file.header.direction == "down" and file.header.recipient == office.node_id


def take_file(
    actor: Actor,
    folder: NodeFolder,
    handlers: Mapping[str, Handler],
    stream: BinaryIO,
    name: str,
) -> TakenIn:
    """Take in one file of a parcel, from front to back; the same file again changes nothing.

    Raises Invalid for what is no parcel for this node, Unavailable when the database is away:
    what was taken in until then stays.
    """
    require(actor, Role.CLERK, Role.SYSTEM_ADMINISTRATOR)
    database = folder.database()
    with database.read() as session:
        before = standing(session)
        office = office_of(session)
        node_id, hub_id = str(office.node_id), str(office.hub_id)
    file = ParcelFile(stream, name)
    _check_address(file, node_id, hub_id)
    agent = _agent(folder, handlers)
    for letter in file.letters:
        # Each is signed by one of the keys that the hub had; that of the key we know leads on.
        with suppress(BadEnvelope):
            agent.take(letter)
    try:
        taken = take_in(file, agent.open, lambda _header, raw: agent.take(raw))
    except BadEnvelope as error:
        raise Invalid(
            "file", f"“{name}”的签名不对：平台已更换密钥，或文件被改动过。",
            "没有导入任何内容。请到平台重新导出。",
            code="parcel_not_signed",
        ) from error  # fmt: skip
    with database.write() as session:
        note = None
        if taken.whole:
            note = note_taken(session, hub_id, taken.cover, last=taken.last)
        after = standing(session)
        same = after.epoch == before.epoch
        changes = after.taken - before.taken if same else after.taken
        acknowledged = max(0, after.acknowledged - before.acknowledged) if same else 0
        audit(
            session, actor, "parcel.taken_in", "office", parcel=taken.cover.parcel_id,
            file=taken.cover.number, whole=taken.whole, changes=changes,
        )  # fmt: skip
        generation = session.get_one(OutgoingStream, hub_id).generation
        findings = [
            *flaws(name, note, taken.messages, again="到平台重新导出"),
            *_of_streams(file, after, generation),
        ]
    cover = taken.cover
    return TakenIn(
        name, cover.parcel_id, cover.made_at, changes, acknowledged, after, tuple(findings)
    )


def _check_address(file: ParcelFile, node_id: str, hub_id: str) -> None:
    header = file.header
    if header.direction != "down":
        raise Invalid(
            "file", f"“{file.name}”是单位给平台的邮包。", "请在市级平台上导入它。",
            code="parcel_other_way",
        )  # fmt: skip
    if header.sender != hub_id:
        raise Invalid(
            "file", f"“{file.name}”是另一个平台导出的。", "请到本单位登记的平台导出。",
            code="parcel_other_hub",
        )  # fmt: skip
    if header.recipient != node_id:
        raise Invalid(
            "file", f"“{file.name}”是给另一个单位的邮包。", "请选给本单位的那一个，或到平台导出。",
            code="parcel_other_node",
        )  # fmt: skip


def _of_streams(file: ParcelFile, after: Standing, generation: int) -> Iterator[Ailment]:
    header = file.header
    if after.state == OfficeState.SUPERSEDED:
        yield Ailment(
            "superseded",
            "另一台电脑已接替本机，本机不再与平台往来。",
            "如应由本机继续，运行 danglian node recover --dir …，再导出邮包带到平台。",
        )
    elif after.state == OfficeState.RECOVERING:
        yield Ailment(
            "waiting_for_grant",
            "本机的数据与平台不连续，要由市档案馆确认。",
            "请再导出一次邮包，带到平台导入，由市档案馆确认后，把平台的邮包带回来导入。",
        )
    elif header.generation < generation:
        yield Ailment(
            "older_generation",
            "这是平台恢复以前导出的邮包，其中的内容没有导入。",
            "请到平台重新导出。",
        )
    elif header.epoch < after.epoch:
        yield Ailment(
            "older_epoch",
            "这是本机恢复或更换电脑以前的邮包，其中的内容没有导入。",
            "请到平台重新导出。",
        )
