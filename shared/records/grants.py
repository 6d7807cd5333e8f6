"""A grant as people write it: the role, the scope and the day are held to what there is."""

from __future__ import annotations

from datetime import date

from shared.kernel.actor import Grant, Openness, Role
from shared.kernel.errors import Invalid
from shared.records.classes import load_classes


def read_grant(
    role: str,
    *,
    archive_code: str | None = None,
    fonds_id: str | None = None,
    class_code: str | None = None,
    openness: str = Openness.ALL,
    until: str | None = None,
) -> Grant:
    """Read a grant. Raises Invalid for a role, class, openness or day that there is not."""
    if role not in set(Role):
        raise Invalid("role", "没有这个角色。", "请从列表中选择角色。")
    if class_code is not None and class_code not in load_classes():
        raise Invalid("class_code", f"没有门类“{class_code}”。", "请从门类列表中选择。")
    if openness not in set(Openness):
        raise Invalid("openness", "没有这种开放程度。", "请从列表中选择。")
    if until is not None:
        try:
            until = date.fromisoformat(until).isoformat()
        except ValueError:
            raise Invalid(
                "until", "授权的截止日期不正确。", "请按 2026-12-31 的格式填写。"
            ) from None
    return Grant(Role(role), archive_code, fonds_id, class_code, Openness(openness), until)
