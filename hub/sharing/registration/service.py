"""The verbs of registering a service: propose, change, approve, send back, call off, send again.

An archivist of the archive proposes; a leader of it who has not proposed approves. `sending` does
the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.sharing.registration.models import Registration
from hub.sharing.registration.record import TermsSchema, compose
from hub.sharing.resources import service as resources
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now, utc_text
from shared.kernel.database import locked
from shared.kernel.errors import NotAllowed, NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.records.corrections import read_reason
from shared.records.states import REGISTRATION

#: Who sees the registrations of an archive.
PEOPLE = (Role.ARCHIVIST, Role.REVIEWER, Role.LEADER)


def registrations_seen_by(actor: Actor) -> Select[Registration]:
    """Those of the archives whose people the actor belongs to."""
    archives = actor.archives(*PEOPLE)
    query = select(Registration)
    if archives is None:
        return query
    return query.where(Registration.archive_code.in_(sorted(archives)))


def registration_seen_by(actor: Actor, registration_id: str, *, session: Session) -> Registration:
    """One of them. Raises NotFound."""
    query = registrations_seen_by(actor).where(Registration.id == registration_id)
    found = session.scalar(query)
    if found is None:
        raise _no_such()
    return found


def propose(
    actor: Actor,
    terms: Mapping[str, Any],
    *,
    description: Mapping[str, Any],
    base: str,
    session: Session,
) -> Registration:
    """Propose to register an operation of the interface for a published resource.

    `description` is the hub's OpenAPI, `base` its address. Raises ValidationError for terms that
    are wrong, WrongState for a resource that is not in force or not shared by an interface.
    """
    read: dict[str, Any] = TermsSchema().load(terms)
    resource, document = _resource(actor, read["resource_id"], session)
    archive = resource.archive_code
    federation.held_archive(archive, session)
    count = session.scalar(select(func.count()).where(Registration.archive_code == archive)) or 0
    code = f"{archive}-{count + 1:04d}"
    registration = Registration(
        id=new_id(),
        archive_code=archive,
        resource_id=resource.id,
        code=code,
        name=read["name"],
        terms=read,
        record=compose(read, document, description, code=code, version=1, base=base),
        proposed_by=_signed(actor),
    )
    session.add(registration)
    session.flush()
    audit.record(
        session, actor, "registration.proposed", f"registration:{registration.id}",
        code=code, version=1,
    )  # fmt: skip
    return registration


def change(
    actor: Actor,
    registration_id: str,
    terms: Mapping[str, Any],
    *,
    description: Mapping[str, Any],
    base: str,
    session: Session,
) -> Registration:
    """Propose a service anew, as changed: what was sent back, refused, or stands there already."""
    registration = _held(actor, registration_id, session)
    require(actor, Role.ARCHIVIST, archive=registration.archive_code)
    state = REGISTRATION.after("change", registration.state)
    read: dict[str, Any] = TermsSchema().load({**terms, "resource_id": registration.resource_id})
    _, document = _resource(actor, registration.resource_id, session)
    if registration.begun:
        # The platform may have this version: what is told next is another one.
        registration.version += 1
    registration.record = compose(
        read, document, description,
        code=registration.code, version=registration.version, base=base,
    )  # fmt: skip
    registration.state, registration.terms, registration.name = state, read, read["name"]
    registration.proposed_by, registration.approved_by = _signed(actor), None
    registration.begun, registration.tries = False, 0
    registration.due_at = registration.problem = registration.returned = None
    _touch(registration, session)
    audit.record(
        session, actor, "registration.changed", f"registration:{registration.id}",
        version=registration.version,
    )  # fmt: skip
    return registration


def send_back(actor: Actor, registration_id: str, reason: str, *, session: Session) -> Registration:
    """Send a proposal back, with the reason; by a leader of the archive."""
    registration = _held(actor, registration_id, session)
    require(actor, Role.LEADER, archive=registration.archive_code)
    registration.state = REGISTRATION.after("return", registration.state)
    registration.returned = read_reason(reason)
    _touch(registration, session)
    audit.record(
        session, actor, "registration.returned", f"registration:{registration.id}",
        reason=registration.returned,
    )  # fmt: skip
    return registration


def approve(actor: Actor, registration_id: str, *, session: Session) -> Registration:
    """Approve a proposal: it is sent after this commit.

    Raises NotAllowed for who proposed it and for others than leaders of the archive, WrongState
    when the resource is no longer in force.
    """
    registration = _held(actor, registration_id, session)
    require(actor, Role.LEADER, archive=registration.archive_code)
    state = REGISTRATION.after("approve", registration.state)
    if actor.system or actor.id == registration.proposed_by["id"]:
        raise NotAllowed(
            "提出登记的人不能批准同一项登记。", "请由本馆另一位负责人批准。", code="same_person"
        )
    _in_force(registration.resource_id, session)
    registration.state, registration.approved_by = state, _signed(actor)
    registration.due_at, registration.returned = now(), None
    _touch(registration, session)
    audit.record(
        session, actor, "registration.approved", f"registration:{registration.id}",
        version=registration.version,
    )  # fmt: skip
    return registration


def send_again(actor: Actor, registration_id: str, *, session: Session) -> Registration:
    """Have a record that could not be delivered tried anew."""
    registration = _held(actor, registration_id, session)
    require(actor, Role.ARCHIVIST, Role.LEADER, archive=registration.archive_code)
    registration.state = REGISTRATION.after("send_again", registration.state)
    registration.tries, registration.due_at = 0, now()
    _touch(registration, session)
    audit.record(session, actor, "registration.sent_again", f"registration:{registration.id}")
    return registration


def call_off(actor: Actor, registration_id: str, reason: str, *, session: Session) -> Registration:
    """Give up a registration that the platform was not told of, with the reason."""
    registration = _held(actor, registration_id, session)
    require(actor, Role.ARCHIVIST, Role.LEADER, archive=registration.archive_code)
    state = REGISTRATION.after("call_off", registration.state)
    if registration.reference is not None or registration.begun:
        raise WrongState(
            "省级平台已收到过这项登记，不能撤销。", "请在省级平台办理下线，这里会自动更新状态。"
        )
    registration.state, registration.returned = state, read_reason(reason)
    _touch(registration, session)
    audit.record(
        session, actor, "registration.called_off", f"registration:{registration.id}",
        reason=registration.returned,
    )  # fmt: skip
    return registration


def _resource(actor: Actor, resource_id: str, session: Session) -> tuple[Any, dict[str, Any]]:
    """The resource that is served, and its document in force, for an archivist of its archive."""
    resource = resources.resource_seen_by(actor, resource_id, session=session)
    require(actor, Role.ARCHIVIST, archive=resource.archive_code)
    return resource, _in_force(resource_id, session)


def _in_force(resource_id: str, session: Session) -> dict[str, Any]:
    document = resources.document_in_force(resource_id, session=session)
    if document is None or "platform_service" not in document["sharing"]["methods"]:
        raise WrongState(
            "这条信息资源没有在用，或不以服务接口共享。",
            "请先发布信息资源，共享方式勾选“共享平台：服务接口”。",
            code="resource_not_served",
        )
    return document


def _held(actor: Actor, registration_id: str, session: Session) -> Registration:
    """A registration of the actor's archives, held. Raises NotFound."""
    registration_seen_by(actor, registration_id, session=session)
    registration = locked(session, Registration, registration_id)
    if registration is None:
        raise _no_such()
    return registration


def _no_such() -> NotFound:
    return NotFound("没有这项服务登记。", "请回到服务登记的列表重新查看。")


def _signed(actor: Actor) -> dict[str, str]:
    return {"id": actor.id, "name": actor.name, "at": utc_text()}


def _touch(registration: Registration, session: Session) -> None:
    registration.changed_at = now()
    session.flush()
