"""Tables of the resource catalogue: each resource as it stands, and its published versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.kernel.clock import now
from shared.kernel.database import Model, UtcTime
from shared.records.columns import CleanText, Json
from shared.records.text import CODE_LENGTH, NAME_LENGTH, REASON_LENGTH


class Resource(Model):
    """One resource of an archive; its states are `RESOURCE` in `shared.records.states`.

    `number` is the published version in force, 0 before the first; `code` and `front`, the front
    section of it, stay from then on. `name` and `sharing` repeat what that version says, or the
    draft of a resource that has none. `draft` is what is being prepared, `editors` are the ids of
    who has changed it, `revision` counts every change. `returned` is why it was sent back last,
    `withdrawn` why the published version counts no more.
    """

    __tablename__ = "sharing_resource"
    __table_args__ = (
        Index("sharing_resource_archive", "archive_code", "state"),
        Index("sharing_resource_code", "code", unique=True),
        Index("sharing_resource_front", "front"),
        {"info": {"origin": "backup"}},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    archive_code: Mapped[str] = mapped_column(ForeignKey("federation_archive.code"))
    state: Mapped[str] = mapped_column(String(20), default="draft")
    name: Mapped[str] = mapped_column(CleanText(NAME_LENGTH))
    sharing: Mapped[str] = mapped_column(String(20))
    code: Mapped[str | None] = mapped_column(String(CODE_LENGTH), default=None)
    front: Mapped[str | None] = mapped_column(String(30), default=None)
    serial: Mapped[int | None] = mapped_column(Integer, default=None)
    number: Mapped[int] = mapped_column(Integer, default=0)
    draft: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)
    editors: Mapped[list[str]] = mapped_column(Json, default=list)
    drafted_by: Mapped[str | None] = mapped_column(CleanText(NAME_LENGTH), default=None)
    revision: Mapped[int] = mapped_column(Integer, default=1)
    returned: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    withdrawn: Mapped[str | None] = mapped_column(CleanText(REASON_LENGTH), default=None)
    changed_at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class ResourceVersion(Model):
    """One published version of a resource: the whole document; never changed, never removed.

    `changed` names the items that differ from the version before.
    """

    __tablename__ = "sharing_resource_version"
    __table_args__ = ({"info": {"origin": "backup"}},)

    resource_id: Mapped[str] = mapped_column(ForeignKey("sharing_resource.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    changed: Mapped[list[str]] = mapped_column(Json, default=list)
    published_at: Mapped[datetime] = mapped_column(UtcTime, default=now)
