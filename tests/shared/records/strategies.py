"""Random things of the domain, for property tests."""

import unicodedata
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import assume
from hypothesis import strategies as st

from shared.records.archival_code import ArchivalCode, build
from shared.records.archives import Archive
from shared.records.classes import load_classes
from shared.records.divisions import Level
from shared.records.fonds import Fonds, FondsName, RetentionScheduleRef
from shared.records.record import (
    ACTIONS,
    DOCUMENT_ROLES,
    ComputerFile,
    Document,
    Event,
    FileKind,
    Holding,
    Opening,
    Publicity,
    Record,
    RecordLevel,
    SecurityClass,
    check_record,
)
from shared.records.record_code import code_of
from shared.records.text import FIRST_YEAR, LAST_YEAR

CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"

ids = st.uuids().map(str)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
days = st.dates(date(1900, 1, 1), date(2099, 12, 31))
moments = st.datetimes(datetime(1990, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001

_letters = st.sampled_from(
    "关于宜昌市夷陵区小溪塔街道办事处档案管理工作的通知请示批复（）〔2024〕3号《》、，。ABCabc·-–—&<>\"'é鿿𠮷"
)


def texts(most: int = 20) -> st.SearchStrategy[str]:
    """Trimmed texts in the value domain that bear no mark of classification."""
    return (
        st.text(_letters, min_size=1, max_size=most)
        .map(lambda text: unicodedata.normalize("NFC", text).strip())
        .filter(bool)
    )


fonds_numbers = st.text(CAPITALS + DIGITS, min_size=4, max_size=4)
_subclasses = st.none() | st.text(CAPITALS + DIGITS, min_size=1, max_size=3)
_lettered_organs = st.none() | st.tuples(
    st.sampled_from(CAPITALS), st.text(CAPITALS + DIGITS, min_size=1, max_size=3)
).map("".join)
_organs = _lettered_organs | st.text(DIGITS, min_size=2, max_size=3)
_years = st.integers(1600, 2100)
_retentions = st.sampled_from(["Y", "D30", "D10", "D15", "D25", "D5", "C", "D"])
_item_classes = st.sampled_from(["WS", "ZP", "LY", "LX", "SJ", "YJ", "WY", "MT", "SW"])
_volume_classes = st.sampled_from(["KU", "RS", "KJ", "ZY"])
_numbers = st.integers(1, 999_999)
_subs = st.none() | st.integers(1, 999)


@st.composite
def item_codes(draw: st.DrawFn) -> ArchivalCode:
    return ArchivalCode(
        "item",
        draw(fonds_numbers),
        class_code=draw(_item_classes),
        subclass=draw(_subclasses),
        year=draw(_years),
        retention=draw(_retentions),
        organ=draw(_organs),
        number=draw(_numbers),
        sub_number=draw(_subs),
    )


@st.composite
def volume_codes(draw: st.DrawFn) -> ArchivalCode:
    number = draw(st.none() | _numbers)
    return ArchivalCode(
        "volume",
        draw(fonds_numbers),
        class_code=draw(_volume_classes),
        subclass=draw(_subclasses),
        year=draw(_years),
        retention=draw(_retentions),
        organ=draw(_lettered_organs),
        volume=draw(st.integers(1, 999)),
        number=number,
        sub_number=draw(_subs) if number else None,
    )


@st.composite
def project_codes(draw: st.DrawFn) -> ArchivalCode:
    """Of volumes and items in a project or catalogue, and of a project itself."""
    class_code = draw(_volume_classes)
    middle = draw(st.text(CAPITALS + DIGITS, min_size=1, max_size=20))
    in_project = class_code == "KJ" or (class_code == "ZY" and draw(st.booleans()))
    volume = draw(st.integers(1, 999) | (st.none() if in_project else st.nothing()))
    number = draw(st.none() | _numbers) if volume else None
    return ArchivalCode(
        "project",
        draw(fonds_numbers),
        class_code=class_code,
        subclass=draw(_subclasses),
        project_number=middle if in_project else None,
        catalogue_number=None if in_project else middle,
        volume=volume,
        number=number,
        sub_number=draw(_subs) if number else None,
    )


@st.composite
def old_codes(draw: st.DrawFn) -> ArchivalCode:
    """In the three structures of DA/T 13-1994."""
    volume_width = draw(st.integers(1, 6))
    number_width = draw(st.integers(0, 6))
    number = draw(st.integers(1, 10**number_width - 1)) if number_width else None
    fonds = draw(st.text(CAPITALS + DIGITS, min_size=1, max_size=5).filter(_is_no_class))
    segment = draw(st.text(CAPITALS + DIGITS, min_size=3, max_size=9))
    parts = draw(
        st.sampled_from(
            [
                {"fonds": fonds, "catalogue_number": segment},
                {"fonds": "", "class_code": "KJ", "project_number": segment},
                {"fonds": fonds, "class_code": "KU"},
            ]
        )
    )
    volume = draw(st.integers(1, 10**volume_width - 1))
    # After a class, four digits that may be a year are read as one: such a code cannot be built.
    assume("class_code" not in parts or not FIRST_YEAR <= volume <= LAST_YEAR)
    code = ArchivalCode(
        "old",
        **parts,
        volume=volume,
        number=number,
        old_widths=(volume_width, number_width),
    )
    # With the widths of today the second structure is a code of today.
    today = len(fonds) == 4 and "class_code" in parts and parts["fonds"]
    return code if not (today and volume_width in (3, 4)) else replace(code, fonds="9")


def _is_no_class(text: str) -> bool:
    return text not in load_classes()


archival_codes = item_codes() | volume_codes() | project_codes() | old_codes()

fonds_things = st.builds(
    Fonds,
    id=ids,
    names=st.lists(
        st.builds(FondsName, texts(), st.none() | days, st.none() | days), min_size=1, max_size=3
    ).map(tuple),
    forming_unit=texts(),
    division_code=st.just("420506000000"),
    level=st.sampled_from([Level.CITY, Level.COUNTY, Level.TOWNSHIP, Level.VILLAGE]),
    numbers=st.dictionaries(st.sampled_from(["420500", "420506"]), fonds_numbers),
    predecessors=st.lists(ids, max_size=2).map(tuple),
    successors=st.lists(ids, max_size=2).map(tuple),
    reviewing_archive=st.none() | st.just("420506"),
    receiving_archive=st.none() | st.just("420500"),
    keeping_node=st.none() | st.just("yiling"),
    retention_schedule=st.none()
    | st.builds(RetentionScheduleRef, st.just("jiguan"), st.just("2006.1"), st.none() | days),
)

_KINDS = {
    Holding.ELECTRONIC: [FileKind.BORN_DIGITAL],
    Holding.BOTH: [FileKind.BORN_DIGITAL],
    Holding.PAPER: [],
    Holding.PAPER_WITH_COPY: [FileKind.DIGITAL_COPY],
}


@st.composite
def _documents(draw: st.DrawFn, holding: Holding) -> tuple[Document, ...]:
    if not _KINDS[holding]:
        return ()
    made = []
    for order in range(1, draw(st.integers(1, 3)) + 1):
        files = tuple(
            ComputerFile(
                draw(ids),
                f"{number}-{draw(st.sampled_from(['正文', '附件', '扫描']))}.pdf",
                draw(st.integers(0, 1 << 40)),
                draw(digests),
                draw(st.sampled_from(["fmt/18", "application/pdf", "OFD", None])),
                draw(st.sampled_from(_KINDS[holding])),
            )
            for number in range(draw(st.integers(1, 3)))
        )
        role = draw(st.sampled_from(list(DOCUMENT_ROLES)))
        made.append(Document(draw(ids), role, draw(st.none() | texts()), order, files))
    return tuple(made)


_events = st.builds(
    Event,
    id=ids,
    action=st.sampled_from(ACTIONS),
    time=moments,
    agent=texts(5),
    agent_unit=texts(10),
    basis=st.none() | texts(),
    description=st.none() | texts(),
)


def _middles(level: RecordLevel) -> st.SearchStrategy[dict[str, str]]:
    """Class and middle segment of the code of a record of this level."""
    segment = st.text(CAPITALS + DIGITS, min_size=1, max_size=20)
    project = st.fixed_dictionaries(
        {"class_code": st.sampled_from(["KJ", "ZY"]), "project_number": segment}
    )
    if level is RecordLevel.RECORD:
        return st.just({})
    if level is RecordLevel.PROJECT:
        return project
    catalogue = st.fixed_dictionaries(
        {"class_code": st.sampled_from(["RS", "ZY"]), "catalogue_number": segment}
    )
    return st.just({"class_code": "KU"}) | project | catalogue


@st.composite
def records(draw: st.DrawFn, *, filed: bool | None = None) -> Record:
    """A record that keeps every rule; `filed` asks for one with its final number."""
    holding = draw(st.sampled_from(list(Holding)))
    level = draw(st.sampled_from(list(RecordLevel)))
    by_volume = level is not RecordLevel.RECORD
    middle = draw(_middles(level))
    record = Record(
        id=draw(ids),
        fonds_id=draw(ids),
        class_code=middle["class_code"] if by_volume else draw(_item_classes),
        year=draw(_years),
        retention=draw(_retentions),
        title=draw(texts(60)),
        version=draw(st.integers(1, 1000)),
        level=level,
        parent_id=draw(ids) if level is RecordLevel.ITEM else None,
        subclass=draw(_subclasses),
        organ=draw(_lettered_organs if by_volume else _organs),
        organ_name=draw(st.none() | texts()),
        project_number=middle.get("project_number"),
        catalogue_number=middle.get("catalogue_number"),
        volume_number=draw(st.integers(1, 999))
        if level in (RecordLevel.VOLUME, RecordLevel.ITEM)
        else None,
        number=draw(st.integers(1, 9999))
        if level in (RecordLevel.RECORD, RecordLevel.ITEM)
        else None,
        former_codes=draw(st.lists(texts(), max_size=2).map(tuple)),
        doc_no=draw(st.none() | texts()),
        author=draw(st.none() | texts()),
        date=draw(days),
        security=draw(st.sampled_from(list(SecurityClass))),
        pages=draw(st.none() | st.integers(1, 999)),
        remark=draw(st.none() | texts()),
        holding=holding,
        box=draw(st.none() | st.just("3")),
        location=draw(st.none() | texts()),
        opening=draw(
            st.none()
            | st.builds(Opening, st.sampled_from(["open", "controlled"]), st.none() | texts())
        ),
        publicity=draw(
            st.none()
            | st.builds(
                Publicity, st.sampled_from(["active", "on_request", "none"]), st.none() | texts()
            )
        ),
        security_change=draw(st.none() | texts()),
        documents=draw(_documents(holding)),
        events=draw(st.lists(_events, min_size=1, max_size=4).map(tuple)),
    )
    number = draw(fonds_numbers)
    record = replace(record, code=build(code_of(record, number)))
    if filed if filed is not None else draw(st.booleans()):
        record = replace(record, state=draw(st.sampled_from(["filed", "offered", "received"])))
    return check_record(record)


def a_record(**changes: object) -> Record:
    """A plain filed record, for stories."""
    record = Record(
        id=str(uuid.UUID(int=1)),
        fonds_id=str(uuid.UUID(int=2)),
        class_code="WS",
        year=2024,
        retention="D30",
        title="关于做好2024年档案工作的通知",
        organ="BGS",
        organ_name="办公室",
        number=12,
        code="A182-WS·2024-D30-BGS-0012",
        doc_no="夷政办发〔2024〕3号",
        author="夷陵区人民政府办公室",
        date=date(2024, 3, 5),
        state="filed",
        documents=(
            Document(
                str(uuid.UUID(int=3)),
                "正本",
                None,
                1,
                (
                    ComputerFile(
                        str(uuid.UUID(int=4)),
                        "通知.ofd",
                        1234,
                        "ab" * 32,
                        "OFD",
                        FileKind.BORN_DIGITAL,
                    ),
                ),
            ),
        ),
        events=(
            Event(
                str(uuid.UUID(int=5)), "归档", datetime(2025, 3, 1, tzinfo=UTC), "张三", "区政府办"
            ),
        ),
    )
    return replace(record, **changes)


def a_fonds() -> Fonds:
    return Fonds(
        str(uuid.UUID(int=2)),
        (FondsName("夷陵区人民政府办公室"),),
        "夷陵区人民政府办公室",
        "420506000000",
        Level.COUNTY,
        {"420506": "A182"},
        reviewing_archive="420506",
        receiving_archive="420506",
    )


YILING = Archive("420506", "夷陵区档案馆", "420506000000")
