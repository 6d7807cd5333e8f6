"""The verbs of the resource catalogue: draft, submit, send back, publish, drop, withdraw.

An archivist of the archive edits; a leader of the archive who has not edited approves its sharing.
What is published stays in force while its next version is prepared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.sharing.resources.document import (
    changed_items,
    description_in,
    front_of,
    published_document,
    read_description,
)
from hub.sharing.resources.exports import Catalogue
from hub.sharing.resources.models import Resource, ResourceVersion
from hub.sharing.resources.scheme import code_of
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now, today, utc_text
from shared.kernel.database import locked
from shared.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.kernel.identifiers import new_id
from shared.records.corrections import read_reason
from shared.records.states import RESOURCE

#: Who sees what an archive prepares.
PEOPLE = (Role.ARCHIVIST, Role.REVIEWER, Role.LEADER)
#: So many resources one archive may have: each is read and approved by a person.
MOST_RESOURCES = 500


# ---- questions


def resources_seen_by(actor: Actor) -> Select[Resource]:
    """What is or was published, and all of the archives whose people the actor belongs to."""
    mine = actor.archives(*PEOPLE)
    query = select(Resource)
    if mine is None:
        return query
    return query.where(or_(Resource.number > 0, Resource.archive_code.in_(sorted(mine))))


def resource_seen_by(actor: Actor, resource_id: str, *, session: Session) -> Resource:
    """One of them. Raises NotFound."""
    found = session.scalar(resources_seen_by(actor).where(Resource.id == resource_id))
    if found is None:
        raise NotFound("没有这条信息资源。", "请回到资源目录重新查看。")
    return found


def sees_drafts(actor: Actor, resource: Resource) -> bool:
    """Whether the actor belongs to the people of the resource's archive."""
    return actor.may(*PEOPLE, archive=resource.archive_code)


def versions_of(resource_id: str, *, session: Session) -> Sequence[ResourceVersion]:
    """Every published version, the newest first."""
    return session.scalars(
        select(ResourceVersion)
        .where(ResourceVersion.resource_id == resource_id)
        .order_by(ResourceVersion.number.desc())
    ).all()


def version_of(resource_id: str, number: int, *, session: Session) -> ResourceVersion:
    """One published version. Raises NotFound."""
    found = session.get(ResourceVersion, (resource_id, number))
    if found is None:
        raise NotFound("没有这一版。", "请从版本列表中选择。")
    return found


def in_force(*, archive: str | None = None) -> Select[ResourceVersion]:
    """The versions that count now, of one archive or of all, unordered."""
    query = (
        select(ResourceVersion)
        .join(Resource, Resource.id == ResourceVersion.resource_id)
        .where(ResourceVersion.number == Resource.number, Resource.withdrawn.is_(None))
    )
    return query.where(Resource.archive_code == archive) if archive else query


def documents_in_force(session: Session, *, archive: str | None = None) -> list[dict[str, Any]]:
    """Their documents, by code."""
    rows = session.scalars(in_force(archive=archive).order_by(Resource.front, Resource.serial))
    return [each.document for each in rows]


def count_in_force(*, archive: str | None, session: Session) -> int:
    """How many these are."""
    return (
        session.scalar(select(func.count()).select_from(in_force(archive=archive).subquery())) or 0
    )


def catalogue_of(archive: str | None, base: str, session: Session) -> Catalogue:
    """What is in force of an archive, or of all, to be exported.

    `base` is the hub's address. Raises NotFound for an unknown archive.
    """
    name = (
        federation.archive_of(archive, session).name if archive else federation.hub_of(session).name
    )
    documents = documents_in_force(session, archive=archive)
    return Catalogue(name, base, utc_text(), documents)


def published(resource: Resource, session: Session) -> dict[str, Any] | None:
    """The document in force of a resource; None when there is none."""
    if resource.number == 0 or resource.withdrawn is not None:
        return None
    return version_of(resource.id, resource.number, session=session).document


def document_in_force(resource_id: str, *, session: Session) -> dict[str, Any] | None:
    """The document in force of the resource with this id; None when there is none."""
    resource = session.get(Resource, resource_id)
    return None if resource is None else published(resource, session)


def description_of(resource: Resource, session: Session) -> dict[str, Any]:
    """What is to be edited: the draft, else what the last version says."""
    if resource.draft is not None:
        return resource.draft
    return description_in(version_of(resource.id, resource.number, session=session).document)


# ---- verbs


def begin(
    actor: Actor, archive_code: str, description: Mapping[str, Any], *, session: Session
) -> Resource:
    """Draft a new resource of an archive.

    Raises NotAllowed unless the actor is an archivist of it, ValidationError with all that is
    wrong in the description.
    """
    require(actor, Role.ARCHIVIST, archive=archive_code)
    federation.held_archive(archive_code, session)
    count = session.scalar(select(func.count()).where(Resource.archive_code == archive_code)) or 0
    if count >= MOST_RESOURCES:
        raise Conflict(
            f"一个档案馆最多 {MOST_RESOURCES} 条信息资源。", "请合并相近的资源。",
            code="too_many_resources",
        )  # fmt: skip
    read = read_description(description)
    resource = Resource(
        id=new_id(),
        archive_code=archive_code,
        name=read["name"],
        sharing=read["sharing"]["type"],
        draft=read,
        editors=[actor.id],
        drafted_by=actor.name,
    )
    session.add(resource)
    session.flush()
    audit.record(session, actor, "resource.begun", f"resource:{resource.id}", archive=archive_code)
    return resource


def edit(
    actor: Actor,
    resource_id: str,
    description: Mapping[str, Any],
    *,
    revision: int,
    session: Session,
) -> Resource:
    """Change a draft, or begin the next version of what is published.

    `revision` is the one that the actor had before their eyes. Raises Conflict when somebody else
    has changed it since, ValidationError, and Invalid for another category of what has its code.
    """
    resource = _held(actor, resource_id, session)
    require(actor, Role.ARCHIVIST, archive=resource.archive_code)
    state = RESOURCE.after("edit", resource.state)
    if resource.revision != revision:
        raise Conflict(
            "这条资源在您填写时已被别人修改。",
            "请另开一页核对现在的内容，再决定怎样修改。",
            code="saved_meanwhile",
        )
    read = read_description(description)
    if resource.code is not None and front_of(read) != resource.front:
        raise Invalid(
            "category.item",
            "已发布的资源，代码不再变，不能改变它的分类。",
            "请恢复原来的类、项、目和细目；确要改变的，撤销后另编一条。",
            code="code_is_fixed",
        )
    resource.editors = sorted({*(resource.editors if resource.draft else ()), actor.id})
    resource.state, resource.draft, resource.drafted_by = state, read, actor.name
    if resource.number == 0:
        resource.name, resource.sharing = read["name"], read["sharing"]["type"]
    _touch(resource, session)
    audit.record(session, actor, "resource.edited", f"resource:{resource.id}")
    return resource


def submit(actor: Actor, resource_id: str, *, session: Session) -> Resource:
    """Submit a draft for approval 送审."""
    resource = _held(actor, resource_id, session)
    require(actor, Role.ARCHIVIST, archive=resource.archive_code)
    resource.state = RESOURCE.after("submit", resource.state)
    resource.editors = sorted({*resource.editors, actor.id})
    resource.returned = None
    _touch(resource, session)
    audit.record(session, actor, "resource.submitted", f"resource:{resource.id}")
    return resource


def send_back(actor: Actor, resource_id: str, reason: str, *, session: Session) -> Resource:
    """Send a submitted draft back, with the reason; by a leader of the archive."""
    resource = _held(actor, resource_id, session)
    require(actor, Role.LEADER, archive=resource.archive_code)
    resource.state = RESOURCE.after("return", resource.state)
    resource.returned = read_reason(reason)
    _touch(resource, session)
    audit.record(
        session, actor, "resource.returned", f"resource:{resource.id}", reason=resource.returned
    )
    return resource


def approve(actor: Actor, resource_id: str, *, session: Session) -> Resource:
    """Approve that a resource is shared as its draft says: it is the next version from now on.

    The first one gets its code. Raises NotAllowed for who has edited it, and for others than
    leaders of the archive.
    """
    resource = _held(actor, resource_id, session)
    require(actor, Role.LEADER, archive=resource.archive_code)
    state = RESOURCE.after("approve", resource.state)
    if actor.system or actor.id in resource.editors:
        raise NotAllowed(
            "编制和送审的人不能批准同一条资源。", "请由本馆另一位负责人批准。", code="same_person"
        )
    draft = read_description(resource.draft or {})
    before = None
    if resource.number:
        before = description_in(version_of(resource.id, resource.number, session=session).document)
    else:
        _give_code(resource, front_of(draft), session)
    resource.number += 1
    document = published_document(
        draft,
        code=str(resource.code),
        number=resource.number,
        archive=resource.archive_code,
        published_on=today(),
        made_by=str(resource.drafted_by),
        approved_by=actor.name,
        approved_at=utc_text(),
    )
    session.add(
        ResourceVersion(
            resource_id=resource.id,
            number=resource.number,
            document=document,
            changed=changed_items(before, draft),
        )
    )
    resource.state, resource.draft, resource.editors = state, None, []
    resource.name, resource.sharing = draft["name"], draft["sharing"]["type"]
    resource.returned = resource.withdrawn = None
    _touch(resource, session)
    audit.record(
        session, actor, "resource.approved", f"resource:{resource.id}",
        code=resource.code, version=resource.number,
    )  # fmt: skip
    return resource


def drop(actor: Actor, resource_id: str, *, session: Session) -> bool:
    """Give up a draft; True when the resource is gone with it, for it was never published."""
    resource = _held(actor, resource_id, session)
    require(actor, Role.ARCHIVIST, archive=resource.archive_code)
    RESOURCE.after("drop", resource.state)
    audit.record(session, actor, "resource.draft_dropped", f"resource:{resource.id}")
    if resource.number == 0:
        session.delete(resource)
        session.flush()
        return True
    resource.state = "published" if resource.withdrawn is None else "withdrawn"
    resource.draft, resource.editors, resource.returned = None, [], None
    _touch(resource, session)
    return False


def withdraw(actor: Actor, resource_id: str, reason: str, *, session: Session) -> Resource:
    """Take a published resource out of the catalogue 撤销, with the reason; its versions stay."""
    resource = _held(actor, resource_id, session)
    require(actor, Role.LEADER, archive=resource.archive_code)
    resource.state = RESOURCE.after("withdraw", resource.state)
    resource.withdrawn = read_reason(reason)
    _touch(resource, session)
    audit.record(
        session, actor, "resource.withdrawn", f"resource:{resource.id}", reason=resource.withdrawn
    )
    return resource


def _give_code(resource: Resource, front: str, session: Session) -> None:
    """The next serial of a front section; whoever numbers holds the city's archive meanwhile."""
    federation.held_archive(federation.city_archive(session).code, session)
    last = session.scalar(select(func.max(Resource.serial)).where(Resource.front == front)) or 0
    resource.front, resource.serial = front, last + 1
    resource.code = code_of(front, last + 1)


def _held(actor: Actor, resource_id: str, session: Session) -> Resource:
    """A resource, held; of another archive's drafts nobody learns. Raises NotFound."""
    seen = resource_seen_by(actor, resource_id, session=session)
    return locked(session, Resource, seen.id) or seen


def _touch(resource: Resource, session: Session) -> None:
    resource.revision += 1
    resource.changed_at = now()
    session.flush()
