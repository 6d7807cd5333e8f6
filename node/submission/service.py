"""The verbs of submission: a business system hands a document in, and asks what became of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.office.service import fonds_here
from node.registry import service as registry
from node.registry.files import StoredFile
from node.registry.models import Registered
from node.submission.models import KEY_LENGTH, Submission
from shared import audit
from shared.kernel.actor import Actor, Grant, Role, require
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.clock import format_utc
from shared.kernel.errors import Conflict, DanglianError, Invalid, NotFound
from shared.records.security import says_declassified

SEEING = (Role.CLERK, Role.LEADER)
_KEY = re.compile(rf"[!-~]{{1,{KEY_LENGTH}}}")
#: What the registry writes down of a document; the rest of a description is about filing.
_REGISTERED = (
    *("title", "doc_no", "author", "counterpart", "date", "registered_on", "security"),
    *("urgency", "pages", "handler", "remark"),
)


def read_key(text: str) -> str:
    """The idempotency key 幂等键 of a request. Raises Invalid."""
    key = text.strip().strip('"')
    if not _KEY.fullmatch(key):
        raise Invalid(
            "Idempotency-Key",
            "请求头缺少幂等键，或写法不对。",
            f"请用业务系统里这份文件的编号，1 至 {KEY_LENGTH} 个字母、数字或符号，不含空格。",
            code="bad_idempotency_key",
        )
    return key


def check(actor: Actor, given: Mapping[str, Any], *, session: Session) -> dict[str, Any]:
    """A description, with the fonds that is meant; before any file is taken in.

    Raises NotFound for a fonds that is not the system's, Invalid and Classified for what cannot
    stand.
    """
    fonds_id = given["fonds_id"] or _only_fonds(actor, session)
    missing = NotFound(
        "没有这个全宗，或它不在本账号的范围内。",
        "请核对全宗编号；需要调整范围的，请联系安全保密管理员。",
        code="fonds_unknown",
        field="fonds_id",
    )
    if fonds_id not in {each.id for each in fonds_here(session)}:
        raise missing
    require(actor, Role.INTEGRATOR, fonds=fonds_id, missing=missing)
    registry.check_values(_values(given))
    registry.happened(given["events"])
    _check_names(given["files"])
    return {**given, "fonds_id": fonds_id}


def is_declassified(given: Mapping[str, Any]) -> bool:
    """Whether the description says when and why it was declassified: its pages may bear a mark."""
    return says_declassified(given["remark"])


def earlier(
    actor: Actor, key: str, given: Mapping[str, Any], *, session: Session
) -> Submission | None:
    """What this system has handed in under this key before; None for a new one.

    Raises Conflict when it was something else.
    """
    row = session.scalar(
        select(Submission).where(Submission.system_id == actor.id, Submission.key == key)
    )
    if row is not None and row.digest != digest_of(given):
        raise Conflict(
            "这个幂等键已用于另一份文件。",
            "同一份文件重发时内容不能变；另一份文件、改正过的文件请换一个键。",
            code="idempotency_key_reused",
        )
    return row


def submit(
    actor: Actor,
    key: str,
    given: Mapping[str, Any],
    stored: Mapping[str, StoredFile],
    *,
    session: Session,
) -> Submission:
    """Take in a document that a business system has finished 归档, with its files, or nothing.

    It is registered as closed; with `filing` it also becomes a record to arrange. `given` is what
    `check` returned, `stored` the files by digest. The same again under the same key is the same
    submission. Raises as `check` does, Conflict, and WrongState where the fonds is not written.
    """
    require(actor, Role.INTEGRATOR, fonds=given["fonds_id"])
    known = earlier(actor, key, given, session=session)
    if known is not None:
        return known
    clerk = _in_the_clerk_s_place(actor, given["fonds_id"])
    document = registry.register(
        clerk, given["fonds_id"], given["direction"], _values(given),
        state="closed", events=given["events"], session=session,
    )  # fmt: skip
    for each in given["files"]:
        kept = stored[each["sha256"]]
        file = StoredFile(each["name"], kept.size, kept.sha256, kept.format)
        registry.attach_file(clerk, document, each["role"], file, each["kind"], session=session)
    if given["filing"] is not None:
        _file(clerk, document, given["filing"], session)
    made = Submission(
        fonds_id=given["fonds_id"],
        system_id=actor.id,
        system_name=actor.name,
        key=key,
        digest=digest_of(given),
        document_id=document.id,
    )
    session.add(made)
    session.flush()
    audit.record(
        session, actor, "submission.taken_in", made,
        fonds=made.fonds_id, number=document.number, files=len(given["files"]),
    )  # fmt: skip
    return made


def submission_of(actor: Actor, submission_id: str, *, session: Session) -> Submission:
    """What this system has handed in itself. Raises NotFound for all else."""
    row = session.get(Submission, submission_id)
    if row is None or row.system_id != actor.id or not _may(actor, row.fonds_id):
        missing = NotFound("没有这份归档文件。", "请核对编号。", code="submission_unknown")
        missing.out_of_reach = row is not None
        raise missing
    return row


def own(actor: Actor, *, key: str | None = None, fonds_id: str | None = None) -> Select[Submission]:
    """What this system has handed in itself, as a statement to page through."""
    query = select(Submission).where(Submission.system_id == actor.id)
    allowed = actor.fonds(Role.INTEGRATOR)
    if allowed is not None:
        query = query.where(Submission.fonds_id.in_(allowed))
    if key is not None:
        query = query.where(Submission.key == key)
    if fonds_id is not None:
        query = query.where(Submission.fonds_id == fonds_id)
    return query


def listing(actor: Actor) -> Select[Submission]:
    """What came for the fonds that a person of the unit may see, as a statement."""
    query = select(Submission)
    allowed = actor.fonds(*SEEING)
    return query if allowed is None else query.where(Submission.fonds_id.in_(allowed))


def digest_of(given: Mapping[str, Any]) -> str:
    """The digest of a description: what tells one submission from another."""
    return sha256_hex(canonical_json(_plain(given)))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return format_utc(value)
    return value.isoformat() if isinstance(value, date) else value


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in _REGISTERED}


def _may(actor: Actor, fonds_id: str) -> bool:
    return actor.may(Role.INTEGRATOR, fonds=fonds_id)


def _only_fonds(actor: Actor, session: Session) -> str:
    mine = [each.id for each in fonds_here(session) if _may(actor, each.id)]
    if len(mine) != 1:
        raise Invalid("fonds_id", "没有写明全宗。", "请填写全宗编号（fonds_id）。", code="required")
    return mine[0]


def _check_names(files: Sequence[Mapping[str, Any]]) -> None:
    """Raise Invalid where a digest stands with two sizes: one of them is not the file's."""
    sizes: dict[str, int] = {}
    for number, each in enumerate(files):
        if sizes.setdefault(each["sha256"], each["size"]) != each["size"]:
            raise Invalid(
                f"files.{number}.size", "与前面同一摘要的文件大小不同。", "请重新计算大小和摘要。"
            )


def _in_the_clerk_s_place(actor: Actor, fonds_id: str) -> Actor:
    """The same system, for this one act with a clerk's right in this one fonds.

    No verb of registry and filing is open to another system but through here.
    """
    return Actor(actor.id, actor.name, (Grant(Role.CLERK, fonds_id=fonds_id),))


def _file(clerk: Actor, document: Registered, wanted: Mapping[str, Any], session: Session) -> None:
    values = {name: value for name, value in wanted.items() if value is not None}
    try:
        filing.send_to_filing(clerk, document, values, session=session)
    except DanglianError as error:
        if error.field in wanted:
            error.field = f"filing.{error.field}"
        raise
