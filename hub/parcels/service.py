"""Writing a parcel for a node, and taking in what nodes have sent by hand.

Writing moves nothing: only what the node says of its stream does, and that comes back by hand or
over a link. What comes goes through the post office, message by message, each in the transactions
that a message of a link has; so a kill anywhere only means to take the same file in again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.federation.sync import PostOffice, open_from_node
from hub.receiving import service as receiving
from shared.audit import record as audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.ailment import Ailment
from shared.kernel.errors import Invalid, WrongState
from shared.messaging.envelope import BadEnvelope, Header
from shared.messaging.models import IncomingStream, OutgoingStream, TakenParcel
from shared.messaging.parcel import (
    ARRIVED,
    FILE_BYTES,
    PART,
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

_ARRIVED_AT_ONCE = 2000
_CLOSED = {"offer_closed"}

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Waiting:
    """What a parcel for a node has to carry: changes that it has not acknowledged."""

    node_id: str
    name: str
    changes: int
    unsure: bool


def waiting_for(actor: Actor, node_id: str, *, session: Session) -> Waiting:
    """What waits for a node. Raises NotFound, and WrongState for one that is not enrolled."""
    require(actor, Role.SYSTEM_ADMINISTRATOR)
    node = federation.node_of(node_id, session)
    stream = session.get(OutgoingStream, node_id)
    if not node.may_talk or stream is None:
        raise WrongState(
            f"“{node.name}”还没有登记，或已停用，不能给它导出邮包。",
            "请先在“联网单位”中登记或恢复这个单位。",
            code="node_silent",
        )
    return Waiting(node_id, node.name, stream.seq - stream.acked, stream.waits_after_restore)


def nodes_by_hand(session: Session) -> list[str]:
    """The enrolled nodes that have brought parcels, by name."""
    brought = set(session.scalars(select(TakenParcel.peer)))
    return [node.id for node in federation.nodes(session) if node.id in brought and node.may_talk]


def write_for_node(
    actor: Actor,
    folder: HubFolder,
    post: PostOffice,
    node_id: str,
    target: Path,
    *,
    file_bytes: int = FILE_BYTES,
    tell: Tell = lambda _text: None,
) -> tuple[Waiting, Written]:
    """Write all that waits for a node into files in a folder.

    Raises NotFound, WrongState, and Unavailable when the folder cannot be written.
    """
    waiting, messages = _outgoing(actor, folder, post, node_id)
    written = write_parcel(
        target,
        _label(node_id),
        messages,
        lambda kind, body: post.seal(node_id, kind, body),
        file_bytes=file_bytes,
        tell=tell,
    )
    with folder.database().write() as session:
        audit(
            session, actor, "parcel.written", f"node:{node_id}", parcel=written.parcel_id,
            changes=waiting.changes, files=len(written.files),
        )  # fmt: skip
    return waiting, written


def download_for_node(
    actor: Actor, folder: HubFolder, post: PostOffice, node_id: str
) -> tuple[str, Iterator[bytes]]:
    """The same as one file, as it is made: its name and its bytes."""
    waiting, messages = _outgoing(actor, folder, post, node_id)
    name, pieces = one_file(
        _label(node_id), messages, lambda kind, body: post.seal(node_id, kind, body)
    )
    with folder.database().write() as session:
        audit(
            session, actor, "parcel.written", f"node:{node_id}", file=name, changes=waiting.changes
        )
    return name, pieces


def _label(node_id: str) -> str:
    return f"danglian-down-{node_id[-8:]}"


def _outgoing(
    actor: Actor, folder: HubFolder, post: PostOffice, node_id: str
) -> tuple[Waiting, Iterator[bytes]]:
    database = folder.database()
    with database.read() as session:
        waiting = waiting_for(actor, node_id, session=session)

    def messages() -> Iterator[bytes]:
        yield from post.everything(node_id)
        with database.read() as session:
            here = receiving.packages_here(session, node_id)
        for start in range(0, len(here), _ARRIVED_AT_ONCE):
            some = here[start : start + _ARRIVED_AT_ONCE]
            yield post.seal(node_id, ARRIVED, {"offers": some})

    return waiting, messages()


@dataclass(frozen=True)
class TakenIn:
    """What one file of a parcel brought.

    Attributes:
        changes: entries that were applied (refused ones count, as they are answered).
        parts: parts of packages that are new here, `size` their bytes.
        packages: packages whose last part is here now, or was before.
        missing: packages of the node's open offers that are still not here, and their bytes.
    """

    file: str
    parcel_id: str
    node_id: str
    name: str
    made_at: datetime
    changes: int
    parts: int
    size: int
    packages: int
    missing: tuple[int, int]
    findings: tuple[Ailment, ...]

    @property
    def sentence(self) -> str:
        """For people: what came, and which packages are still to come."""
        brought = f"“{self.name}”的 {self.changes} 条变动"
        if self.parts or self.packages:
            brought += f"、{self.packages} 个数据包（新到 {self.size / 2**20:.1f} MB）"
        count, size = self.missing
        lacking = f"还缺 {count} 个数据包（{size / 2**20:.1f} MB）" if count else "没有缺的数据包"
        return f"{brought}；{lacking}。"

    def to_wire(self) -> dict[str, Any]:
        """As a plain mapping, for programs."""
        return {
            "file": self.file,
            "parcel_id": self.parcel_id,
            "node_id": self.node_id,
            "name": self.name,
            "made_at": self.made_at,
            "changes": self.changes,
            "parts": self.parts,
            "bytes": self.size,
            "packages": self.packages,
            "packages_missing": self.missing[0],
            "bytes_missing": self.missing[1],
            "findings": [each.to_wire() for each in self.findings],
        }


def take_file(
    actor: Actor, folder: HubFolder, post: PostOffice, stream: BinaryIO, name: str
) -> TakenIn:
    """Take in one file of a parcel, from front to back; the same file again changes nothing.

    Raises Invalid for what is no parcel for this hub, WrongState while a restore is suspected,
    Unavailable when database or store are away: what was taken in until then stays.
    """
    require(actor, Role.SYSTEM_ADMINISTRATOR)
    database, hub_id = folder.database(), folder.settings.hub_id
    file = ParcelFile(stream, name)
    _check_address(file, hub_id)
    node_id = file.header.sender
    _check_whole_hub(post, folder)
    carried = receiving.CarriedPackages(database, folder.staging, node_id)
    ahead = 0

    def take(header: Header, raw: bytes) -> None:
        nonlocal ahead
        if header.kind == PART:
            carried.take(Part.of(open_from_node(database, hub_id, raw)))
            return
        _check_whole_hub(post, folder)
        post.take(raw)
        if header.kind == "run" and header.epoch == file.header.epoch:
            ahead = max(ahead, header.last)

    with database.read() as session:
        before = _position(session, node_id)
    try:
        taken = take_in(file, lambda raw: open_from_node(database, hub_id, raw), take)
    except BadEnvelope as error:
        raise _not_believed(name, error.reason) from error
    with database.write() as session:
        after = _position(session, node_id)
        changes = after[1] - before[1] if after[0] == before[0] else after[1]
        note = None
        if taken.whole:
            note = note_taken(session, node_id, taken.cover, last=taken.last)
        audit(
            session, actor, "parcel.taken_in", f"node:{node_id}",
            parcel=taken.cover.parcel_id, file=taken.cover.number, whole=taken.whole,
            changes=changes, parts=carried.parts,
        )  # fmt: skip
        node = federation.node_of(node_id, session)
        findings = [
            *flaws(name, note, taken.messages, again="请该单位重新导出"),
            *_of_stream(file.header, after, ahead),
            *_of_packages(carried),
        ]
        if node.asking_instance is not None:
            findings.append(
                Ailment(
                    "grant_asked",
                    f"“{node.name}”的电脑申请恢复：{node.asked_reason or '数据不连续'}",
                    "核实后在“联网单位”确认，再给它导出邮包。",
                )
            )
        return TakenIn(
            name,
            taken.cover.parcel_id,
            node_id,
            node.name,
            taken.cover.made_at,
            changes,
            carried.parts,
            carried.size,
            len(carried.whole),
            receiving.packages_missing(session, node_id),
            tuple(findings),
        )


def _position(session: Session, node_id: str) -> tuple[int, int]:
    stream = session.get(IncomingStream, node_id)
    return (stream.epoch, stream.seq) if stream else (0, 0)


def _check_address(file: ParcelFile, hub_id: str) -> None:
    header = file.header
    if header.direction != "up":
        raise Invalid(
            "file", f"“{file.name}”是平台给单位的邮包。", "请在那个单位的电脑上导入它。",
            code="parcel_other_way",
        )  # fmt: skip
    if header.recipient != hub_id:
        raise Invalid(
            "file", f"“{file.name}”是给另一个平台的邮包。",
            "请核对：单位登记在哪个平台，就在哪个平台导入。",
            code="parcel_other_hub",
        )  # fmt: skip


def _not_believed(name: str, reason: str) -> Invalid:
    if reason == "unknown_node":
        return Invalid(
            "file", f"“{name}”来自本平台没有登记的单位。", "请先为这个单位登记，再由它导出。",
            code="parcel_unknown_node",
        )  # fmt: skip
    if reason == "suspended":
        return Invalid(
            "file", f"导出“{name}”的单位已停用。", "如应接收，请先在“联网单位”中恢复它，再导入。",
            code="parcel_suspended",
        )  # fmt: skip
    return Invalid(
        "file", f"“{name}”的签名不对：该单位已更换电脑，或文件被改动过。",
        "没有导入任何内容。请该单位用现在的电脑重新导出。",
        code="parcel_not_signed",
    )  # fmt: skip


def _check_whole_hub(post: PostOffice, folder: HubFolder) -> None:
    with folder.database().read() as session:
        suspected = post.restore_suspected(session)
    if suspected is not None:
        raise WrongState(
            f"平台数据库比各单位收到的回执更旧，已停止收发（{suspected}）。",
            "请停止平台，运行 danglian hub recover --dir …，启动后再导入。",
            code="restore_suspected",
        )


def _of_stream(header: Header, after: tuple[int, int], ahead: int) -> Iterator[Ailment]:
    if header.epoch < after[0]:
        yield Ailment(
            "older_epoch",
            "这是该单位恢复或更换电脑以前的邮包，其中的变动没有导入。",
            "请由该单位现在的电脑重新导出。",
        )
    elif ahead > after[1]:
        yield Ailment(
            "behind",
            f"有 {ahead - after[1]} 条变动没有导入：它们之前的还没有到，或与平台记录的不连续。",
            "请给该单位导出邮包，带回去导入；再由它重新导出。",
        )


def _of_packages(carried: receiving.CarriedPackages) -> Iterator[Ailment]:
    refused = [each for each in carried.refused.values() if each.code not in _CLOSED]
    for code in sorted({each.code for each in refused}):
        same = [each for each in refused if each.code == code]
        yield Ailment(code, f"{len(same)} 个数据包没有接收：{same[0].message}", same[0].remedy)
