"""Taking bundles in: each whole or not at all, in their order, and once.

A bundle that is missing, altered, doubled in another form, or not the hub's, is named; nothing of
it is taken in. The same again is nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from hub.portal.models import TEXT, OpenedRecord, TakenBundle, forget_removed
from hub.portal.places import PortalFolder
from shared.kernel.canonical import digest_of, sum_of_digests
from shared.kernel.errors import Conflict, Invalid, NotFound
from shared.kernel.files import folder_lock
from shared.kernel.keys import PublicKey
from shared.packaging.publication import Bundle, bundle_files, damaged, name_of
from shared.records.values import (
    AUTHOR_LENGTH,
    CODE_LENGTH,
    DOC_NO_LENGTH,
    NAME_LENGTH,
    SHORT_LENGTH,
    TITLE_LENGTH,
)
from shared.search import index_text

_ID = validate.Regexp(r"[0-9a-f-]{36}\Z")
_DIGEST = validate.Regexp(r"[0-9a-f]{64}\Z")


class _RecordSchema(Schema):
    """What the portal takes of a record; anything else refuses the bundle."""

    class Meta:
        unknown = RAISE

    id = fields.String(required=True, validate=_ID)
    archive = fields.String(required=True, validate=validate.Length(max=20))
    fonds_id = fields.String(required=True, validate=_ID)
    fonds_name = fields.String(required=True, validate=validate.Length(max=NAME_LENGTH))
    opened = fields.Boolean(required=True, validate=validate.Equal(True))
    level = fields.String(required=True, validate=validate.Length(max=10))
    class_code = fields.String(required=True, validate=validate.Length(max=2))
    year = fields.Integer(required=True, strict=True)
    retention = fields.String(required=True, validate=validate.Length(max=SHORT_LENGTH))
    code = fields.String(allow_none=True, validate=validate.Length(max=CODE_LENGTH))
    title = fields.String(validate=validate.Length(max=TITLE_LENGTH))
    doc_no = fields.String(allow_none=True, validate=validate.Length(max=DOC_NO_LENGTH))
    author = fields.String(allow_none=True, validate=validate.Length(max=AUTHOR_LENGTH))
    date = fields.String(allow_none=True, validate=validate.Length(max=10))
    organ_name = fields.String(allow_none=True, validate=validate.Length(max=NAME_LENGTH))
    pages = fields.Integer(allow_none=True, strict=True)
    holding = fields.String(validate=validate.Length(max=20))
    withheld = fields.Dict(
        keys=fields.String(validate=validate.Length(max=20)),
        values=fields.String(validate=validate.Length(max=20)),
        required=True,
    )


class _EntrySchema(Schema):
    class Meta:
        unknown = EXCLUDE

    id = fields.String(required=True, validate=_ID)
    kind = fields.String(required=True, validate=validate.OneOf(["upsert", "tombstone"]))
    digest = fields.String(validate=_DIGEST)
    record = fields.Nested(_RecordSchema)


_ENTRY = _EntrySchema()


@dataclass(frozen=True)
class Taken:
    """What a run of importing did: how many bundles were taken, or had been before."""

    taken: int
    known: int
    entries: int
    records: int


def take_folder(
    folder: PortalFolder, source: Path, tell: Callable[[str], object] = lambda _text: None
) -> Taken:
    """Take in the bundles of a folder that are new, in order.

    Raises NotFound when there is none, Invalid for one that is not good, Conflict for one that does
    not follow; those before it remain taken in.
    """
    files = bundle_files(source)
    if not files:
        raise NotFound(f"{source} 里没有发布包。", "请指明平台导出发布包的目录。", field="folder")
    taken = known = entries = 0
    with folder_lock(folder.path / "import", "portal import"):
        for path in files:
            with path.open("rb") as stream:
                bundle = Bundle(stream, path.name)
                if _take(folder, bundle):
                    tell(f"已导入 {path.name}（{bundle.about.entries} 条）")
                    taken, entries = taken + 1, entries + bundle.about.entries
                else:
                    known += 1
        if taken:
            forget_removed(folder.database)
    with folder.database.read() as session:
        records = session.scalar(select(func.count()).select_from(OpenedRecord)) or 0
    return Taken(taken, known, entries, records)


def _take(folder: PortalFolder, bundle: Bundle) -> bool:
    """Take one bundle in; False for one that was."""
    about = bundle.about
    with folder.database.write() as session:
        last = last_taken(session)
        known = folder.hub_key if last is None else PublicKey.from_hex(last.key)
        if about.hub_id != folder.settings.hub_id:
            raise Invalid(
                "file", f"发布包“{bundle.name}”是另一个平台的，没有导入。", "请核对目录。",
                code="publication_of_another_hub",
            )  # fmt: skip
        before = session.get(TakenBundle, (about.series, about.number))
        if before is not None:
            if before.digest != about.id:
                raise Conflict(
                    f"发布包“{bundle.name}”与已经导入的同号发布包内容不同。",
                    "请联系平台的管理员查明；门户上的内容没有改动。",
                    code="publication_altered",
                )
            return False
        signer = bundle.signer(known)
        _require_next(bundle, last)
        for entry in bundle.entries():
            _apply(_read(entry, bundle), about.series, session)
        session.add(
            TakenBundle(
                series=about.series,
                number=about.number,
                digest=about.id,
                entries=about.entries,
                key=signer.hex,
                archives=about.archives,
                made_at=about.made_at,
            )
        )
        session.flush()
        if about.is_last:
            _remove_earlier_series(about.series, session)
            _prove(bundle, session)
    return True


def last_taken(session: Session) -> TakenBundle | None:
    """The newest bundle that was taken in."""
    return session.scalar(
        select(TakenBundle).order_by(TakenBundle.series.desc(), TakenBundle.number.desc()).limit(1)
    )


def _require_next(bundle: Bundle, last: TakenBundle | None) -> None:
    about = bundle.about
    if last is not None and about.series < last.series:
        raise Conflict(
            f"发布包“{bundle.name}”属于已经作废的旧系列，没有导入。", "请把它从目录中移走。",
            code="publication_outdated",
        )  # fmt: skip
    goes_on = last is not None and about.series == last.series
    number = last.number + 1 if last is not None and goes_on else 1
    if about.number != number:
        raise Conflict(
            f"缺少发布包 {name_of(about.series, number)}，“{bundle.name}”不能导入。",
            f"请从平台补拷（danglian hub publish --after {number - 1}），再导入。",
            code="publication_missing",
        )
    if about.previous != (last.digest if last is not None and goes_on else ""):
        raise Conflict(
            f"发布包“{bundle.name}”与已经导入的前一个不衔接，没有导入。",
            "请联系平台的管理员查明。",
            code="publication_not_following",
        )


def _read(entry: Any, bundle: Bundle) -> dict[str, Any]:
    """An entry, checked. Raises Invalid for whatever a portal must not hold."""
    try:
        loaded: dict[str, Any] = _ENTRY.load(entry)
    except ValidationError as error:
        raise damaged(bundle.name) from error
    if loaded["kind"] == "upsert":
        record = loaded.get("record")
        whole = isinstance(record, Mapping) and record["id"] == loaded["id"]
        if not whole or digest_of(record) != loaded.get("digest"):
            raise damaged(bundle.name)
    return loaded


def _apply(entry: Mapping[str, Any], series: int, session: Session) -> None:
    row = session.scalar(select(OpenedRecord).where(OpenedRecord.id == entry["id"]))
    if row is not None:
        session.execute(delete(TEXT).where(TEXT.c.rowid == row.row))
    if entry["kind"] == "tombstone":
        if row is not None:
            session.delete(row)
            session.flush()
        return
    record = entry["record"]
    if row is None:
        row = OpenedRecord(id=record["id"])
        session.add(row)
    row.series, row.digest, row.body = series, entry["digest"], record
    row.archive, row.fonds_name, row.year = record["archive"], record["fonds_name"], record["year"]
    row.code, row.date = record.get("code"), record.get("date")
    session.flush()
    texts = (record.get("title"), record.get("doc_no"), record.get("code"))
    session.execute(TEXT.insert().values(rowid=row.row, tokens=index_text(texts)))


def _remove_earlier_series(series: int, session: Session) -> None:
    """A new series is whole: what it did not tell again is not shared any more."""
    earlier = select(OpenedRecord.row).where(OpenedRecord.series < series)
    session.execute(delete(TEXT).where(TEXT.c.rowid.in_(earlier)))
    session.execute(
        delete(OpenedRecord)
        .where(OpenedRecord.series < series)
        .execution_options(synchronize_session=False)
    )


def _prove(bundle: Bundle, session: Session) -> None:
    """Hold what is here against what the hub says that it should be. Raises Conflict."""
    records = session.scalar(select(func.count()).select_from(OpenedRecord))
    rows = session.execute(select(OpenedRecord.id, OpenedRecord.digest)).yield_per(10_000)
    total = sum_of_digests(digest_of([row.id, row.digest]) for row in rows)
    if (records, total) != (bundle.about.records, bundle.about.digest):
        raise Conflict(
            f"导入“{bundle.name}”以后，门户的内容与平台所说的不一致，没有导入。",
            "请在平台上用 danglian hub publish --anew 重新发布，再导入。",
            code="publication_not_proven",
        )
