"""A record made of a file of metadata and of computer files, by a script that knows no Danglian.

The metadata are XML with the elements of DA/T 46 (as `open` writes it, or anybody's), or a JSON
object whose keys stand in `docs/packages.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from shared.kernel.canonical import strict_json
from shared.kernel.errors import Invalid, NotFound
from shared.kernel.files import file_sha256
from shared.kernel.identifiers import new_id
from shared.packaging.build import file_changed
from shared.packaging.exchange.carried import Carried
from shared.records.archival_code import parse
from shared.records.classes import read_class
from shared.records.dates import parse_date
from shared.records.divisions import Level
from shared.records.fonds import Fonds, FondsName, check_fonds_number
from shared.records.holdings import FileKind, Holding
from shared.records.metadata import documents_of, read_any_xml, read_xml, recognise
from shared.records.metadata.recognise import SOME_ARCHIVE, named_id
from shared.records.record import RecordSchema, record_from_wire
from shared.records.retention import read_retention
from shared.records.security import read_security
from shared.records.text import NAME_LENGTH, clean_text, required_text, safe_file_name

_KEYS = {"fonds", "record", "documents"}
_FONDS_KEYS = {"id", "name", "number", "unit"}
_DOCUMENT_KEYS = {"role", "title", "files"}
_MOST_METADATA = 32 * 1024 * 1024


def gather(metadata: Path, files: Sequence[Path]) -> Carried:
    """The record that a file of metadata describes, with its computer files where they lie.

    Files belong to what the metadata name by their names; where they name none, the first is the
    正本 and each other an 附件.

    Raises Invalid by field for what makes no record, for a file that is not named or is another
    than the one described; NotFound for one that is named and not given; Classified.
    """
    given = _by_name(files)
    if metadata.stat().st_size > _MOST_METADATA:
        raise Invalid(
            "metadata",
            "元数据文件超过 32 兆字节。",
            "请检查是不是选错了文件。",
            code="too_large",
        )
    content = metadata.read_bytes()
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _from_xml(content, given)
    return _from_json(content, given)


def _by_name(files: Sequence[Path]) -> dict[str, Path]:
    given: dict[str, Path] = {}
    for path in files:
        name = safe_file_name(path.name, "files")
        if name in given:
            raise Invalid(
                "files",
                f"给了两个“{name}”。",
                "请改名，使文件名各不相同。",
                code="file_given_twice",
            )
        given[name] = path
    return given


def _from_xml(content: bytes, given: Mapping[str, Path]) -> Carried:
    try:
        tree = read_xml(content)
    except Invalid:
        tree = read_any_xml(content)
    documents = documents_of(tree)
    described = [file for each in documents for file in each["files"]]
    if described:
        places = {
            file["id"]: _described(file, place)
            for file, place in zip(described, _matched(described, given), strict=True)
        }
    else:
        documents, places = _documents(given, None)
    found = recognise(tree, documents)
    return Carried(found.record, found.fonds, found.archive, places)


def _matched(described: Sequence[Mapping[str, Any]], given: Mapping[str, Path]) -> list[Path]:
    """The file for each that is described; none is left over."""
    names = [str(file["name"]) for file in described]
    if more := sorted(set(given) - set(names)):
        raise Invalid(
            "files",
            f"元数据没有提到“{'”“'.join(more)}”。",
            "请把文件写进元数据，或不要给。",
            code="file_not_in_metadata",
        )
    if less := sorted(set(names) - set(given)):
        raise NotFound(
            f"元数据提到的“{'”“'.join(less)}”没有给。",
            "请把文件一起写在命令里。",
            code="file_missing",
            field="files",
        )
    return [given[name] for name in names]


def _described(file: dict[str, Any], path: Path) -> Path:
    """Complete what is described by the file itself, when it is the same."""
    sha256, size = file_sha256(path), path.stat().st_size
    if file.get("sha256") not in (None, sha256) or file.get("size") not in (None, size):
        raise file_changed(path.name)
    file.update(sha256=sha256, size=size)
    return path


def _documents(
    given: Mapping[str, Path], kind: FileKind | None, said: Sequence[Mapping[str, Any]] = ()
) -> tuple[list[dict[str, Any]], dict[str, Path]]:
    """Documents as wire objects: as said, or one for each file."""
    if not said:
        roles = ("正本", *("附件" for _ in given))
        pairs = zip(roles, given, strict=False)
        said = [{"role": role, "title": None, "files": [name]} for role, name in pairs]
    places: dict[str, Path] = {}
    documents = []
    for order, each in enumerate(said, 1):
        files = []
        for name in each["files"]:
            file: dict[str, Any] = {
                "id": new_id(),
                "name": name,
                "format": Path(name).suffix.lstrip(".").lower() or None,
                "kind": str(kind or FileKind.BORN_DIGITAL),
            }
            places[file["id"]] = _described(file, given[name])
            files.append(file)
        documents.append(
            {
                "id": new_id(),
                "role": each.get("role") or "正本",
                "title": each.get("title"),
                "order": order,
                "files": files,
            }
        )
    return documents, places


def _from_json(content: bytes, given: Mapping[str, Path]) -> Carried:
    try:
        data = strict_json(content.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        raise _bad("metadata", "不是 XML，也不是一个 JSON 对象") from None
    _check_keys(data, _KEYS, "")
    fonds = _fonds(_mapping(data.get("fonds"), "fonds"))
    wire = _wire(_mapping(data.get("record"), "record"), fonds)
    copied = wire["holding"] == str(Holding.PAPER_WITH_COPY)
    kind = FileKind.DIGITAL_COPY if copied else FileKind.BORN_DIGITAL
    said = _said(data.get("documents"))
    if said:
        _matched([{"name": name} for each in said for name in each["files"]], given)
    wire["documents"], places = _documents(given, kind, said)
    return Carried(record_from_wire(wire), fonds, None, places)


def _said(documents: object) -> list[Mapping[str, Any]]:
    if documents is None:
        return []
    if not isinstance(documents, list):
        raise _bad("documents", "“documents”应为列表")
    found = []
    for at, document in enumerate(documents):
        each = _mapping(document, f"documents.{at}")
        _check_keys(each, _DOCUMENT_KEYS, f"documents.{at}.")
        files = each.get("files")
        if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
            raise _bad(f"documents.{at}.files", "“files”应为文件名的列表")
        found.append(each)
    return found


def _fonds(said: Mapping[str, Any]) -> Fonds:
    _check_keys(said, _FONDS_KEYS, "fonds.")
    name = required_text(said.get("name"), "fonds.name", max_length=NAME_LENGTH)
    unit = clean_text(said.get("unit"), "fonds.unit", max_length=NAME_LENGTH) or name
    number = said.get("number")
    if number is not None:
        number = check_fonds_number(number, "fonds.number")
    return Fonds(
        str(said.get("id") or named_id("fonds", number or "", name)),
        (FondsName(name),),
        unit,
        "",
        Level.COUNTY,
        {SOME_ARCHIVE: number} if number else {},
        receiving_archive=SOME_ARCHIVE,
    )


def _wire(said: Mapping[str, Any], fonds: Fonds) -> dict[str, Any]:
    """The record's wire object: what is said, what its code says, and nothing for the rest."""
    wire: dict[str, Any] = dict.fromkeys(RecordSchema().fields)
    wire.update(
        id=new_id(),
        version=1,
        fonds_id=fonds.id,
        level="record",
        former_codes=[],
        security="none",
        holding=str(Holding.ELECTRONIC),
        events=[],
    )
    with suppress(Invalid):  # a code that cannot be read says nothing; it is kept as it is
        code = parse(str(said.get("code") or ""))
        for field in ("class_code", "subclass", "year", "retention", "organ", "number"):
            wire[field] = getattr(code, field)
        wire["project_number"], wire["catalogue_number"] = (
            code.project_number,
            code.catalogue_number,
        )
        wire["volume_number"] = code.volume
    _check_keys(said, set(wire) - {"documents"}, "record.")
    wire.update(said)
    for field, read in (
        ("class_code", read_class),
        ("retention", read_retention),
        ("security", read_security),
    ):
        if field in said:
            wire[field] = str(read(said[field], field))
    if said.get("date") is not None:
        wire["date"] = parse_date(said["date"]).isoformat()
    if not isinstance(wire["events"], list):
        raise _bad("events", "“events”应为列表")
    wire["events"] = [_event(each, at) for at, each in enumerate(wire["events"])]
    if "state" not in said:
        is_filed = wire["events"] and wire["code"] and wire["date"]
        wire["state"] = "filed" if is_filed else "collected"
    return wire


def _event(said: object, at: int) -> dict[str, Any]:
    return {"id": new_id(), "basis": None, "description": None, **_mapping(said, f"events.{at}")}


def _mapping(data: object, field: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise _bad(field, f"“{field}”应为对象")
    return data


def _check_keys(data: Mapping[str, Any], known: set[str], prefix: str) -> None:
    if more := sorted(set(data) - known):
        raise _bad(prefix + more[0], f"没有“{prefix}{more[0]}”这一项")


def _bad(field: str, problem: str) -> Invalid:
    return Invalid(
        field,
        f"元数据的写法不对：{problem}。",
        "写法见 docs/packages.md。",
        code="bad_metadata_file",
    )
