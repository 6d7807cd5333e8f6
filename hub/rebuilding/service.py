"""`danglian hub rebuild`: a hub's database from its store, table by table as each declares.

In this order, and each step may be killed and done again: the audit, in pieces; what is
registered, with what a backup has, in one transaction; a new generation; what the archives keep,
with the verbs that `danglian hub recover` has for it; the papers. The settings come last: until
then the new folder is no hub that anyone could start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.disposal import unit_lists
from hub.federation import registers
from hub.federation import service as federation
from hub.federation.epochs import open_streams
from hub.federation.generations import begin_generation
from hub.federation.key_roll import check_keys, settle_keys
from hub.federation.models import Archive, Fonds, Hub, Node
from hub.federation.own_keys import hub_keys
from hub.federation.places import HubFolder
from hub.federation.recovery_command import Complete
from hub.reading_room import restoring as copies
from hub.rebuilding.backup import backup_tables, read_backup, take_backup
from hub.receiving.evidence import require_signature
from hub.repository.audit_segments import restore_audit
from hub.repository.examining import Stores
from hub.repository.models import Paper
from hub.repository.papers import UNIT_LISTS, WRITTEN_FIRST, note_stored
from hub.repository.registers import stored_registers
from hub.repository.surviving import bring_papers_back, survey
from hub.repository.tombstones import go_on_erasing
from shared.audit import record as audit
from shared.identity.models import Account
from shared.kernel.actor import system_actor
from shared.kernel.ailment import Ailment
from shared.kernel.errors import DanglianError, Invalid, NotFound
from shared.storage import ObjectStore

_ACTOR = system_actor("rebuild")
Tell = Callable[[str], None]


@dataclass
class Rebuilt:
    """What came of it: how many of each, what does not count and why, what is still to be done."""

    generation: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)
    findings: list[Ailment] = field(default_factory=list)
    to_do: list[str] = field(default_factory=list)


def rebuild(
    into: Path,
    store: str,
    *,
    database: str = "",
    second_store: str = "",
    backup: str | None = None,
    complete: Complete,
    tell: Tell,
) -> Rebuilt:
    """Make the hub of this store anew in a folder; see the module.

    What the store lacks or has damaged comes from `second_store`, where that is given. `complete`
    is what `recover` has, `tell` hears the progress.

    Raises NotFound when the store has no register of a hub, Conflict when the folder is a hub.
    """
    place = _place(into, store, database, second_store)
    with closing(place.database()):
        done = Rebuilt()
        _register_all(place, backup, done, tell)
        has_keys = (place.path / "keys").is_dir()
        if has_keys:
            check_keys(place)
        done.generation = begin_generation(place)
        _receive(place, done, complete, tell)
        _note_papers(place)
        if has_keys:
            settle_keys(place, restored=True)
        else:
            done.to_do.append(f"把封存的 keys/ 拷到 {place.path / 'keys'}；没有它平台不能启动。")
        _conclude(place, done)
        place.establish()
    return done


def _register_all(place: HubFolder, backup: str | None, done: Rebuilt, tell: Tell) -> None:
    """The audit, then all that was registered, and the backup; what was done before is left."""
    tables = backup_tables(place)
    rows = read_backup(backup, tables) if backup is not None else {}
    documents = list(_documents(place.store, done))
    with place.database().read() as session:
        if session.get(Hub, 1) is not None:
            return
    head, findings = restore_audit(place.database(), place.store)
    done.findings += findings
    tell(f"操作日志 {head.seq} 条")
    with place.database().write() as session:
        _register(place, documents, done, session)
        take_backup(rows, tables, session=session)
    tell("平台、档案馆、单位、全宗、协议和密钥的登记已重建")


def _place(into: Path, store: str, database: str, second_store: str) -> HubFolder:
    is_folder = "://" not in store
    if is_folder and not Path(store).is_dir():
        raise NotFound(f"没有文件夹 {store}。", "请给出馆藏所在的文件夹，或 s3:// 开头的地址。")
    address = str(Path(store).resolve()) if is_folder else store
    if second_store and "://" not in second_store:
        second_store = str(Path(second_store).resolve())
    blank = HubFolder.rebuild(
        into,
        name="",
        hub_id="",
        city="",
        store=address,
        database=database,
        second_store=second_store,
    )
    bring_papers_back(Stores(blank.store, blank.second_store), "hub/")
    hub = next(
        (each for each, _names in stored_registers(blank.store) if each and each["kind"] == "hub"),
        None,
    )
    if hub is None:
        raise NotFound(
            f"{store} 里没有平台的登记（hub/registers/hub/），不能只靠馆藏重建。",
            "请核对地址；平台升级以后没有启动过的，先恢复数据库备份，再运行 danglian hub recover。",
            code="no_registers",
        )
    (row,) = hub["rows"][Hub.__tablename__]
    if is_folder and address == str(blank.path / "store"):
        address = ""
    return HubFolder.rebuild(
        into,
        name=row["name"],
        hub_id=row["hub_id"],
        city=row["city"],
        store=address,
        database=database,
        second_store=second_store,
    )


def _documents(store: ObjectStore, done: Rebuilt) -> Iterable[dict[str, Any]]:
    for document, names in stored_registers(store):
        if document is not None:
            yield document
            continue
        done.findings.append(
            Ailment(
                "register_damaged",
                f"登记 {names[-1].rpartition('/')[0]} 没有一份读得懂，没有重建。",
                "从另一份备份拷回 store/hub/registers/ 里的这份登记，在新的目录里重建一次。",
            )
        )


def _register(
    place: HubFolder, documents: list[dict[str, Any]], done: Rebuilt, session: Session
) -> None:
    """The rows of all registers, the divisions, and the beginning of every node's streams."""
    federation.load_divisions(_ACTOR, place.settings.city, session=session)
    for document in documents:
        try:
            with session.begin_nested():
                registers.restore(session, document)
        except Invalid as error:
            done.findings.append(Ailment(error.code, error.message, error.remedy))
    for node in session.scalars(select(Node).where(Node.epoch > 0)).all():
        open_streams(session, node, epoch=node.epoch)
    audit(session, _ACTOR, "hub.rebuilt", "hub", count=len(documents))
    session.flush()


def _receive(place: HubFolder, done: Rebuilt, complete: Complete, tell: Tell) -> None:
    stores = Stores(place.store, place.second_store)
    with place.database().read() as session:
        archives = [(each.code, each.name) for each in federation.archives(session)]
    for code, name in archives:
        bring_papers_back(stores, f"archives/{code}/")
        with place.database().read() as session:
            seals = federation.seals_of(code, session)
        go_on_erasing(stores, code, seals)
        seen = survey(stores, code)
        done.findings += seen.findings
        if seen.whole or seen.findings:
            tell(f"{name}：馆藏对象 {seen.whole} 个完好，{len(seen.findings)} 处问题")
    done.counts, findings = complete(place, tell)
    done.findings += findings


def _note_papers(place: HubFolder) -> None:
    """Write down the papers that no verb brings back with what they are about."""
    with place.database().read() as session:
        codes = session.scalars(select(Archive.code)).all()
        keys = [row.public for row in hub_keys(session)]
        seals = {code: federation.seals_of(code, session) for code in codes}

    def believe(name: str, document: dict[str, Any]) -> bool:
        try:
            if "/verdicts/" in name:
                require_signature(keys, document, "signature")
            if name.split("/")[2] in copies.KINDS:
                return copies.is_sealed(document, seals[name.split("/")[1]])
        except DanglianError:
            return False  # completing has named it
        return True

    kinds = ("verdicts", "corrections", "hand-overs", *copies.KINDS)
    folders = [f"archives/{code}/{kind}/" for code in codes for kind in kinds]
    note_stored(
        place.database(),
        place.store,
        ["hub/registers/", "hub/audit/", UNIT_LISTS, *WRITTEN_FIRST, *folders],
        believe=believe,
    )
    unit_lists.take_up(place.database(), place.store)
    for code in codes:
        copies.take_up(place.database(), place.store, code, seals[code])


def _conclude(place: HubFolder, done: Rebuilt) -> None:
    """Count what there is now, and say what a person must do."""
    with place.database().read() as session:
        for table in backup_tables(place):
            if session.execute(select(table).limit(1)).first() is None:
                done.empty.append(table.name)
        has_accounts = session.scalar(select(Account.id).limit(1)) is not None
        for name, model in (("nodes", Node), ("fonds", Fonds), ("papers", Paper)):
            done.counts[name] = session.scalar(select(func.count()).select_from(model)) or 0
    if not has_accounts:
        done.to_do.append(
            f"账号没有了：运行 danglian hub user administrators --dir {place.path} 补设三员，"
            "再由他建其他账号。"
        )
    done.to_do.append(
        "登记码、没有定下来的审核意见都要重做；"
        "核对 settings.toml 里的地址、端口、消息服务和存储账号。"
    )
    done.to_do.append("启动平台，请各单位联网：还没有接收的目录和移交由它们补回。")
