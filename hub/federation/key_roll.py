"""Rolling a key over, step by step, so that a kill between any two costs nothing.

1. the next key is written; 2. the statement of both keys is written beside it; 3. in one
transaction the register takes it and every node's stream tells it: from here on it counts; 4. the
store has a copy of the statement; 5. the next key takes the place of the old one, whose secret is
gone. Before 3 a roll-over that was killed is taken up by the next one, after it by `settle_keys`,
which every process of the hub runs at its start (`hub run`, `hub work`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from hub.federation.assignments import hub_of
from hub.federation.key_files import KeyFiles, Link
from hub.federation.models import Hub, OwnKey
from hub.federation.own_keys import own_keys, register_first, succeed_hub_key, succeed_seal
from hub.federation.places import HubFolder
from hub.federation.territory import archive_of, archives
from shared.audit import record as audit
from shared.kernel.actor import Actor, Role, require, system_actor
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.database import locked
from shared.kernel.errors import WrongState
from shared.kernel.files import folder_lock
from shared.kernel.keys import PublicKey, Seal, SigningKey
from shared.kernel.signing_service import SigningService
from shared.kernel.succession import (
    Statement,
    hub_holder,
    read_succession,
    seal_holder,
    state_succession,
)
from shared.messaging.envelope import EVERYONE, Header, close_envelope
from shared.storage import ObjectStore

_STATEMENTS = "hub/keys/"
_ACTOR = system_actor("keys")
#: Longer than settling takes, with a store that is slow.
_SETTLING_SECONDS = 60.0


@dataclass(frozen=True)
class _Holder:
    """Whose key it is: its name in statements, its files, the archive of a seal."""

    name: str
    files: KeyFiles
    archive_code: str | None = None


def roll_hub_key(actor: Actor, folder: HubFolder) -> OwnKey:
    """Roll the hub's key over; the process of the hub must not run. Returns the new one's line.

    Raises NotAllowed for others than administrators, WrongState when `keys/` does not fit.
    """
    require(actor, Role.SYSTEM_ADMINISTRATOR)
    return _roll(actor, folder, _hub_holder(folder))


def roll_seal(
    actor: Actor, folder: HubFolder, archive_code: str, service: SigningService | None = None
) -> OwnKey:
    """Roll the seal 印章 of an archive over; see `roll_hub_key`.

    The next one is made here, or is the one that `service` keeps. Where that is the seal in force,
    only its address is noted. Raises Unavailable when the service does not answer.
    """
    require(actor, Role.SYSTEM_ADMINISTRATOR, archive=archive_code)
    with folder.database().read() as session:
        archive_of(archive_code, session)
    holder = _seal_holder(folder, archive_code)
    if service is not None and service.public_key() == holder.files.current().public:
        return _move_seal(actor, folder, holder, service)
    return _roll(actor, folder, holder, service)


def _move_seal(actor: Actor, folder: HubFolder, holder: _Holder, service: SigningService) -> OwnKey:
    with _alone(folder):
        holder.files.move_to(service)
    with folder.database().write() as session:
        row = own_keys(holder.name, session)[-1]
        audit(
            session, actor, "archive.seal_moved", f"archive:{holder.archive_code}", key=row.key_id
        )
        return row


def check_keys(folder: HubFolder) -> None:
    """Raise WrongState when `keys/` is older than database or store, or is not this hub's.

    Changes nothing; that the database may be older than `keys/` is for `settle_keys`.
    """
    for holder in _holders(folder):
        current = holder.files.current().public
        with folder.database().read() as session:
            register = list(own_keys(holder.name, session))
        if register:
            _standing(folder, holder, current, register)


def unfinished_rolls(folder: HubFolder) -> list[str]:
    """The names of the keys whose roll-over was begun and did not come to its end."""
    return [each.files.name for each in _holders(folder) if each.files.prepared() is not None]


def settle_keys(folder: HubFolder, *, restored: bool = False) -> int:
    """Finish roll-overs that were killed, and see that `keys/` and the register fit each other.

    `restored` (only `hub recover`) also takes over roll-overs that a database from before them
    does not know; returns how many. Raises WrongState, saying which folder is to be restored, when
    `keys/` is older than database or store, or does not belong to this hub.
    """
    with _alone(folder):
        return _settle_all(folder, restored=restored)


def _alone(folder: HubFolder) -> AbstractContextManager[None]:
    """One process at a time steps on in `keys/`: several of a hub may start at once."""
    return folder_lock(folder.path / "settling", "settle_keys", wait_seconds=_SETTLING_SECONDS)


def _settle_all(folder: HubFolder, *, restored: bool = False) -> int:
    return sum(_settle(folder, holder, restored=restored) for holder in _holders(folder))


def _holders(folder: HubFolder) -> Iterator[_Holder]:
    yield _hub_holder(folder)
    with folder.database().read() as session:
        codes = [archive.code for archive in archives(session)]
    for code in codes:
        yield _seal_holder(folder, code)


def _hub_holder(folder: HubFolder) -> _Holder:
    return _Holder(hub_holder(folder.settings.hub_id), folder.keys.hub_files())


def _seal_holder(folder: HubFolder, code: str) -> _Holder:
    return _Holder(seal_holder(code), folder.keys.seal_files(code), code)


def _roll(
    actor: Actor, folder: HubFolder, holder: _Holder, service: SigningService | None = None
) -> OwnKey:
    with _alone(folder):
        _settle_all(folder)
        with folder.database().read() as session:
            serial = own_keys(holder.name, session)[-1].serial + 1
            generation = hub_of(session).generation
        new = holder.files.prepare(service)
        link = _prepared_link(folder, holder, serial, generation, new)
        with folder.database().write() as session:
            row = _succeed(actor, folder, holder, link, session)
        _keep_statements(folder.store, holder, [row])
        holder.files.advance()
        return row


def _prepared_link(
    folder: HubFolder, holder: _Holder, serial: int, generation: int, new: Seal
) -> Link:
    """The statement for the next key: the one that was written before a kill, or a new one."""
    files = holder.files
    old = files.current()
    for link in files.links():
        step = read_succession(link.statement, holder.name)
        if (step.serial, step.old, step.new) == (serial, old.public, new.public):
            return link
    statement = state_succession(holder.name, serial, old, new)
    letter = None
    if holder.archive_code is None:
        letter = _letter(folder.keys.hub(), folder.settings.hub_id, statement, generation)
    link = Link(statement, letter)
    files.keep(link)
    return link


def _letter(old: SigningKey, hub_id: str, statement: Statement, generation: int) -> bytes:
    header = Header(
        sender=hub_id,
        recipient=EVERYONE,
        direction="down",
        kind="hub_key",
        generation=generation,
    )
    return close_envelope(old, header, statement)


def _succeed(
    actor: Actor, folder: HubFolder, holder: _Holder, link: Link, session: Session
) -> OwnKey:
    if holder.archive_code is None:
        return succeed_hub_key(actor, link, session=session)
    archive = archive_of(holder.archive_code, session)
    return succeed_seal(actor, archive, link, key=folder.keys.hub(), session=session)


def _settle(folder: HubFolder, holder: _Holder, *, restored: bool) -> int:
    current = holder.files.current().public
    with folder.database().read() as session:
        register = list(own_keys(holder.name, session))
    if not register:
        # A database from before there was a register. Another host may be at this just now.
        with folder.database().write() as session:
            locked(session, Hub, 1)
            register = list(own_keys(holder.name, session))
            register = register or [register_first(session, holder.name, current)]
    missing = _standing(folder, holder, current, register)
    if missing and not restored:
        raise _database_outdated(holder.files)
    for link in missing:
        with folder.database().write() as session:
            register.append(_succeed(_ACTOR, folder, holder, link, session))
    _keep_statements(folder.store, holder, register)
    if register[-1].public != current:
        holder.files.advance()
    return len(missing)


def _standing(
    folder: HubFolder, holder: _Holder, current: PublicKey, register: Sequence[OwnKey]
) -> list[Link]:
    """The roll-overs that the register lacks. Raises WrongState when `keys/` does not fit."""
    files, last = holder.files, register[-1]
    missing: list[Link] = []
    prepared = files.prepared()
    if current != last.public:
        killed = prepared is not None and prepared.public == last.public
        if not killed:
            if any(current == row.public for row in register):
                raise _outdated(files, last.serial)
            missing = _missing(holder, last, current)
    stored = _stored_serial(folder.store, holder)
    # One that was killed just before its end may be in the store already.
    if stored > last.serial + len(missing) + (prepared is not None):
        raise _outdated(files, stored)
    return missing


def _missing(holder: _Holder, known: OwnKey, current: PublicKey) -> list[Link]:
    """The roll-overs that lead from the last key of the register to the one in `keys/`."""
    found: list[Link] = []
    last = known.public
    for link in holder.files.links():
        step = read_succession(link.statement, holder.name)
        if step.old == last and last != current:
            found.append(link)
            last = step.new
    if last != current:
        raise WrongState(
            f"keys/{holder.files.path.name} 不是本平台登记的密钥。",
            "请核对 keys/ 和数据库是不是同一个平台的，从封存的介质拷回整个 keys/ 目录。",
            code="keys_unknown",
        )
    return found


def _outdated(files: KeyFiles, serial: int) -> WrongState:
    return WrongState(
        f"keys/{files.path.name} 是更换以前的旧密钥，本平台已在用第 {serial} 把。",
        "旧密钥的签名各单位不再承认：请从封存的介质拷回最近一次更换以后的整个 keys/ 目录。",
        code="keys_outdated",
    )


def _database_outdated(files: KeyFiles) -> WrongState:
    return WrongState(
        f"keys/{files.path.name} 比数据库新：数据库是更换密钥以前的备份。",
        "请先运行 danglian hub recover --dir …，再启动平台。",
        code="database_outdated",
    )


def _keep_statements(store: ObjectStore, holder: _Holder, rows: Sequence[OwnKey]) -> None:
    """Have the store hold the public half of every roll-over: papers outlive the database."""
    for row in rows:
        name = f"{_STATEMENTS}{holder.files.name}-{row.serial:04d}.json"
        if row.statement is not None and not store.exists(name):
            content = canonical_json(row.statement)
            store.put(name, io.BytesIO(content), sha256=sha256_hex(content), size=len(content))


def _stored_serial(store: ObjectStore, holder: _Holder) -> int:
    """The newest roll-over of which the store has a statement."""
    prefix = f"{_STATEMENTS}{holder.files.name}-"
    numbers = (name[len(prefix) :].partition(".")[0] for name in store.names(prefix))
    return max((int(number) for number in numbers if number.isdigit()), default=1)
