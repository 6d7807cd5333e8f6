"""电子档案移交与接收登记表: the form that the unit and the archive both sign (档发〔2012〕7号).

The form is data first: both sign its canonical JSON, word for word, so it holds everything from
the start, the archive's check results included. The hub prepares it with the verdict; the PDF is
only how people see it (`form_pdf`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from shared.inspection.finding import Property
from shared.inspection.report import Outcome, Report
from shared.kernel.canonical import digest_of
from shared.kernel.errors import Invalid
from shared.kernel.keys import PublicKey, Seal, document_is_signed_by, sign_document
from shared.records.archival_code import sort_key
from shared.records.record import Record, RecordLevel

FORMAT = "danglian-handover-form/1"
#: The second form has the Merkle root over catalogue and files; a node says that it reads it.
ROOTED_FORMAT = "danglian-handover-form/2"
#: What the carrier is when the hand-over is on line.
ON_LINE = "在线"
_GIB = 1024**3


@dataclass(frozen=True)
class FormCheck:
    """One line of the checks 检验内容, as each side has found it."""

    unit: str
    archive: str


#: The five lines of the form, in its order, with the property of DA/T 70 behind each.
CHECK_LINES: Mapping[str, Property | None] = {
    "准确性": Property.AUTHENTICITY,
    "完整性": Property.INTEGRITY,
    "可用性": Property.USABILITY,
    "安全性": Property.SAFETY,
    "载体外观": None,
}
PASSED, FAILED, PARTLY, NOT_APPLICABLE = "合格", "不合格", "已检部分合格", "不适用"


@dataclass(frozen=True)
class FormPeople:
    """Who filled in and who reviewed the form on one side, and on which days."""

    filled_by: str
    filled_on: str
    reviewed_by: str
    reviewed_on: str


@dataclass(frozen=True)
class FormItem:
    """One record of the batch: what is handed over of it, by digest."""

    offer_id: str
    record_id: str
    record_version: int
    package_sha256: str
    package_size: int
    code: str | None
    title: str
    date: str | None
    retention: str
    level: str
    files: int
    bytes: int

    @classmethod
    def of(cls, record: Record, offer: Mapping[str, Any]) -> FormItem:
        """The item of a record and the body of its offer."""
        return cls(
            offer_id=str(offer["offer_id"]),
            record_id=record.id,
            record_version=record.version,
            package_sha256=str(offer["package"]["sha256"]),
            package_size=int(offer["package"]["size"]),
            code=record.code,
            title=record.title,
            date=record.date.isoformat() if record.date else None,
            retention=record.retention,
            level=str(record.level),
            files=len(record.files),
            bytes=record.size,
        )


_Part = TypeVar("_Part", FormCheck, FormPeople, FormItem)


@dataclass(frozen=True)
class HandoverForm:
    """The form. Counts and spans are computed from its items, and signed with them.

    Attributes:
        batch_id: the batch that it is about.
        title: name of the hand-over 交接工作名称.
        content: what is handed over, in words 内容描述.
        unit: name of the unit that hands over.
        fonds_id: its fonds.
        fonds_number: the number of the fonds, where it has one.
        fonds_name: the name of the fonds.
        archive_code: code of the receiving archive.
        archive: its name.
        items: the records, in the order of their codes.
        checks: the five lines of checks, for both sides.
        unit_people: who filled in and reviewed at the unit.
        archive_people: who did at the archive.
        medium: carrier and kind; 在线.
        corrects: digest of the form that this one replaces, when a part was taken out.
        merkle_root: the root over the items, the descriptions and the files of this form, as a
            receipt has it (`receipts.rooted`); None in the first form.
    """

    batch_id: str
    title: str
    content: str
    unit: str
    fonds_id: str
    fonds_number: str | None
    fonds_name: str
    archive_code: str
    archive: str
    items: tuple[FormItem, ...]
    checks: Mapping[str, FormCheck]
    unit_people: FormPeople
    archive_people: FormPeople
    medium: str = ON_LINE
    corrects: str | None = None
    remarks: str = ""
    merkle_root: str | None = None

    @property
    def records(self) -> int:
        """How many records 件 (volumes and projects are counted by themselves)."""
        return sum(item.level in (RecordLevel.RECORD, RecordLevel.ITEM) for item in self.items)

    @property
    def volumes(self) -> int:
        """How many volumes 卷."""
        return sum(item.level == RecordLevel.VOLUME for item in self.items)

    @property
    def files(self) -> int:
        """How many computer files."""
        return sum(item.files for item in self.items)

    @property
    def bytes(self) -> int:
        """How many bytes the computer files have together."""
        return sum(item.bytes for item in self.items)

    @property
    def gigabytes(self) -> str:
        """The amount of data in GB (2**30 bytes) with three decimals, rounded half up."""
        thousandths = (self.bytes * 1000 * 2 + _GIB) // (2 * _GIB)
        return f"{thousandths // 1000}.{thousandths % 1000:03d}"

    @property
    def first_code(self) -> str | None:
        """The first archival code 起始档号."""
        codes = [item.code for item in self.items if item.code]
        return codes[0] if codes else None

    @property
    def last_code(self) -> str | None:
        """The last archival code 终止档号."""
        codes = [item.code for item in self.items if item.code]
        return codes[-1] if codes else None

    @property
    def digest(self) -> str:
        """SHA-256 of the form's canonical JSON: what entries and receipts name it by."""
        return digest_of(self.to_wire())

    def to_wire(self) -> dict[str, Any]:
        """The form as plain values: exactly what is signed."""
        rooted = self.merkle_root is not None
        return {
            **({"merkle_root": self.merkle_root} if rooted else {}),
            "format": ROOTED_FORMAT if rooted else FORMAT,
            "batch_id": self.batch_id,
            "title": self.title,
            "content": self.content,
            "unit": self.unit,
            "fonds": {
                "id": self.fonds_id,
                "number": self.fonds_number,
                "name": self.fonds_name,
            },
            "archive": {"code": self.archive_code, "name": self.archive},
            "count": {
                "records": self.records,
                "volumes": self.volumes,
                "files": self.files,
                "bytes": self.bytes,
                "gigabytes": self.gigabytes,
            },
            "codes": {"first": self.first_code, "last": self.last_code},
            "medium": self.medium,
            "checks": {
                name: {"unit": self.checks[name].unit, "archive": self.checks[name].archive}
                for name in CHECK_LINES
            },
            "unit_people": _people_to_wire(self.unit_people),
            "archive_people": _people_to_wire(self.archive_people),
            "corrects": self.corrects,
            "remarks": self.remarks,
            "items": [dict(vars(item)) for item in self.items],
        }

    @classmethod
    def from_wire(cls, data: object) -> HandoverForm:
        """Read what `to_wire` wrote; counts that do not follow from the items are refused.

        Raises Invalid.
        """
        try:
            form = _read(data)
            is_exact = form.to_wire() == data
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _unreadable() from None
        if not is_exact:
            raise _unreadable()
        return form

    def sign(self, key: Seal) -> dict[str, str]:
        """The signature of one side: `{key, public_key, signature}` over the canonical JSON."""
        return sign_document(key, self.to_wire())

    def is_signed_by(self, key: PublicKey, signature: Mapping[str, object]) -> bool:
        """Whether this is that key's signature over this very form."""
        return document_is_signed_by(key, self.to_wire(), signature)


def make_form(
    items: Iterable[FormItem],
    *,
    batch_id: str,
    title: str,
    content: str,
    unit: str,
    fonds_id: str,
    fonds_number: str | None,
    fonds_name: str,
    archive_code: str,
    archive: str,
    checks: Mapping[str, FormCheck],
    unit_people: FormPeople,
    archive_people: FormPeople,
    remarks: str = "",
) -> HandoverForm:
    """A form with its items in the order of their codes. Raises Invalid without items."""
    ordered = tuple(sorted(items, key=lambda item: (sort_key(item.code or ""), item.record_id)))
    if not ordered:
        raise Invalid("items", "登记表中没有档案。", "请至少保留一件档案。")
    if set(checks) != set(CHECK_LINES):
        raise Invalid("checks", "检验内容不全。", f"应有：{'、'.join(CHECK_LINES)}。")
    return HandoverForm(
        batch_id=batch_id,
        title=title,
        content=content,
        unit=unit,
        fonds_id=fonds_id,
        fonds_number=fonds_number,
        fonds_name=fonds_name,
        archive_code=archive_code,
        archive=archive,
        items=ordered,
        checks=checks,
        unit_people=unit_people,
        archive_people=archive_people,
        remarks=remarks,
    )


def corrected(form: HandoverForm, kept_offers: Collection[str], remarks: str = "") -> HandoverForm:
    """The form for the part of a batch that is accepted; it names the form that it replaces.

    It has no Merkle root: that of the whole is not its own.
    Raises Invalid when nothing is kept, or an offer is not on the form.
    """
    kept = set(kept_offers)
    if kept - {item.offer_id for item in form.items}:
        raise Invalid("offers", "有的移交不在原登记表中。", "请按原登记表选择要保留的档案。")
    items = tuple(item for item in form.items if item.offer_id in kept)
    if not items:
        raise Invalid("offers", "更正后的登记表没有档案。", "全部退回时请选择整批退回。")
    return replace(
        form,
        items=items,
        corrects=form.digest,
        remarks=remarks or form.remarks,
        merkle_root=None,
    )


def checks_of_reports(unit: Iterable[Report], archive: Iterable[Report]) -> dict[str, FormCheck]:
    """The five lines out of the inspection reports of both sides.

    合格 is said only where every automatic check that applies was run and passed; where some were
    not run (no virus scanner, say) the line says so.
    """
    sides = [list(unit), list(archive)]
    return {
        name: FormCheck(*(_line(reports, wanted) for reports in sides))
        for name, wanted in CHECK_LINES.items()
    }


def _line(reports: list[Report], wanted: Property | None) -> str:
    if wanted is None:
        return NOT_APPLICABLE
    outcomes = {
        check.outcome for report in reports for check in report.checks if check.property is wanted
    }
    if Outcome.FAILED in outcomes:
        return FAILED
    if Outcome.PASSED not in outcomes:
        return "未检测"
    return PARTLY if outcomes & {Outcome.NOT_RUN, Outcome.MANUAL} else PASSED


def _people_to_wire(people: FormPeople) -> dict[str, str]:
    return dict(vars(people))


def _read(data: Any) -> HandoverForm:
    if not isinstance(data, dict) or data["format"] not in (FORMAT, ROOTED_FORMAT):
        raise _unreadable()
    root = data["merkle_root"] if data["format"] == ROOTED_FORMAT else None
    if root is not None and not re.fullmatch("[0-9a-f]{64}", root):
        raise _unreadable()
    return HandoverForm(
        batch_id=data["batch_id"],
        title=data["title"],
        content=data["content"],
        unit=data["unit"],
        fonds_id=data["fonds"]["id"],
        fonds_number=data["fonds"]["number"],
        fonds_name=data["fonds"]["name"],
        archive_code=data["archive"]["code"],
        archive=data["archive"]["name"],
        items=tuple(_typed(FormItem, item) for item in data["items"]),
        checks={name: _typed(FormCheck, each) for name, each in data["checks"].items()},
        unit_people=_typed(FormPeople, data["unit_people"]),
        archive_people=_typed(FormPeople, data["archive_people"]),
        medium=data["medium"],
        corrects=data["corrects"],
        remarks=data["remarks"],
        merkle_root=root,
    )


_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "str | None": (str, type(None)),
}


def _typed(kind: type[_Part], data: Mapping[str, Any]) -> _Part:
    """The part of the form that these values make, each of the type that it must have."""
    for each in fields(kind):
        value = data[each.name]
        if not isinstance(value, _TYPES[str(each.type)]) or isinstance(value, bool):
            raise ValueError(each.name)
        if isinstance(value, int) and value < 0:
            raise ValueError(each.name)
    return kind(**data)


def _unreadable() -> Invalid:
    return Invalid(
        "form", "登记表的写法不正确，或合计与明细不符。", "请重新生成登记表。", code="bad_form"
    )
