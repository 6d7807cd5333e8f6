"""How values are shown to people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Flask

from shared.kernel.actor import ROLE_NAMES, Role
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import SHANGHAI, local_text, parse_utc
from shared.kernel.jobs import Job, JobState
from shared.web.audit_log.names import ACTOR_NAMES

NOTHING = "—"
JOB_STATE_NAMES = {
    JobState.WAITING: "等待开始",
    JobState.RUNNING: "进行中",
    JobState.DONE: "已完成",
    JobState.STOPPED: "已停止",
    JobState.FAILED: "未完成",
}


def local_time(moment: datetime | str | None, *, seconds: bool = False) -> str:
    """A time in Asia/Shanghai, `2024-06-01 10:03`; takes also the text of `format_utc`."""
    if isinstance(moment, str):
        try:
            moment = parse_utc(moment)
        except ValueError:
            return str(moment)
    return local_text(moment, with_seconds=seconds) or NOTHING


def local_date(moment: datetime | str | None) -> str:
    """The day of a time in Asia/Shanghai."""
    if isinstance(moment, datetime):
        return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d")
    return local_time(moment)[:10]


def size(count: int | None) -> str:
    """Bytes for people: `832 B`, `1.5 MB`."""
    if count is None:
        return NOTHING
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1024:
            return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TB"


def label(value: Any, names: Mapping[Any, str] | None = None) -> str:
    """The Chinese name of a value: out of `names`, else its own `label`, else its text."""
    if value is None or value == "":
        return NOTHING
    if names is not None:
        return str(names.get(value, value))
    if isinstance(value, bool):
        return "是" if value else "否"
    own = getattr(value, "label", None)
    if own is not None:
        return str(own() if callable(own) else own)
    for known in (ROLE_NAMES, JOB_STATE_NAMES):
        if isinstance(value, (Role, JobState)) and value in known:
            return str(known[value])  # type: ignore[index]
    return str(value)


def dash(value: Any) -> Any:
    """The value, or a dash for nothing."""
    return NOTHING if value is None or value == "" else value


def job_state(job: Job) -> str:
    """Where a job stands, in Chinese."""
    return JOB_STATE_NAMES[JobState(job.state)]


def dialog_id(text: str) -> str:
    """A short id for a dialog, out of what it does."""
    return sha256_hex(text.encode())[:10]


def actor_name(actor_id: str, name: str) -> str:
    """Who acted: the name of a person, in words also that of a command or of the platform."""
    return ACTOR_NAMES.get(actor_id, name)


def register(app: Flask) -> None:
    """Give the filters to the templates of an app."""
    for each in (local_time, local_date, size, label, dash, job_state, dialog_id, actor_name):
        app.add_template_filter(each)
