"""The record as it travels: nothing lost, nothing let in, history only grows."""

import json
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.kernel.canonical import canonical_json
from shared.kernel.errors import Classified, Invalid
from shared.records.record import (
    MOST_DOCUMENTS,
    MOST_EVENTS,
    MOST_FILES,
    ComputerFile,
    Document,
    FileKind,
    content_digest,
    record_from_wire,
    record_to_wire,
)
from shared.records.roles import roles_named
from tests.records import with_event
from tests.shared.records.strategies import a_record, records


@given(records())
def test_a_record_survives_the_wire_and_keeps_its_digest(record) -> None:
    wire = record_to_wire(record)
    travelled = json.loads(canonical_json(wire))
    assert record_from_wire(travelled) == record
    assert content_digest(record) == content_digest(travelled) == content_digest(wire)


@given(records(), st.randoms())
def test_the_digest_does_not_depend_on_the_order_of_keys(record, chance) -> None:
    pairs = list(record_to_wire(record).items())
    chance.shuffle(pairs)
    assert content_digest(dict(pairs)) == content_digest(record)


def test_the_digest_of_a_known_record_never_changes() -> None:
    assert content_digest(a_record()) == (
        "2e9c9de9b4339e29dec9a2dc4485a7555ce6ecb9aaf6e473316b2f71cf211dde"
    )


@given(records(), st.data())
def test_a_wire_object_without_one_of_its_keys_is_refused(record, data) -> None:
    wire = record_to_wire(record)
    key = data.draw(st.sampled_from(sorted(wire)))
    del wire[key]
    with pytest.raises(Invalid) as caught:
        record_from_wire(wire)
    assert caught.value.field == key


@settings(max_examples=300)
@given(
    records(),
    st.data(),
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.none()),
)
def test_a_wire_object_with_any_other_value_is_read_or_refused_never_an_error(
    record, data, value
) -> None:
    wire = record_to_wire(record)
    wire[data.draw(st.sampled_from(sorted(wire)))] = value
    try:
        again = record_from_wire(wire)
    except (Invalid, Classified):
        return
    assert record_to_wire(again) == wire


@pytest.mark.parametrize("body", [None, [], "x", 3, {}])
def test_what_is_no_record_at_all_is_refused(body) -> None:
    with pytest.raises(Invalid):
        record_from_wire(body)


def changed(**changes):
    return {**record_to_wire(a_record()), **changes}


def with_file(**changes):
    wire = record_to_wire(a_record())
    wire["documents"][0]["files"][0].update(changes)
    return wire


@pytest.mark.parametrize(
    ("wire", "field"),
    [
        (changed(extra=1), "extra"),
        (changed(title="a\x00b"), "title"),
        (changed(title=" 首尾空格 "), "title"),
        (changed(title="长" * 501), "title"),
        (changed(title=3), "title"),
        (changed(year=True), "year"),
        (changed(year=1066), "year"),
        (changed(retention="30年"), "retention"),
        (changed(date="2024-02-30"), "date"),
        (changed(security="secret"), "security"),
        (changed(holding="cloud"), "holding"),
        (changed(state="lost"), "state"),
        (changed(id="1"), "id"),
        (changed(version=0), "version"),
        (changed(version=2**40), "version"),
        (changed(former_codes=["x"] * 51), "former_codes"),
        (with_file(sha256="AB" * 32), "documents.0.files.0.sha256"),
        (with_file(size=-1), "documents.0.files.0.size"),
        (with_file(name="../x"), "documents.0.files.0.name"),
        (with_file(kind="other"), "documents.0.files.0.kind"),
        (changed(opening={"opinion": "maybe", "reason": None}), "opening.opinion"),
        (changed(events=[]), "events"),
        (changed(code=None), "code"),
    ],
)
def test_a_bad_field_is_named_by_its_path_with_a_sentence_and_a_remedy(wire, field) -> None:
    with pytest.raises(Invalid) as caught:
        record_from_wire(wire)
    assert caught.value.field == field
    assert caught.value.message.endswith(("。", "。）"))
    assert caught.value.remedy


def test_lists_have_a_greatest_length() -> None:
    wire = record_to_wire(a_record())
    document, event = wire["documents"][0], wire["events"][0]
    for changes in (
        {"documents": [document] * (MOST_DOCUMENTS + 1)},
        {"documents": [{**document, "files": document["files"] * (MOST_FILES + 1)}]},
        {"events": [event] * (MOST_EVENTS + 1)},
    ):
        with pytest.raises(Invalid, match="最多"):
            record_from_wire({**wire, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "关于某案的报告（机密）"},
        {"remark": "秘密★10年"},
        {"security_change": "原为 机密★10年"},
    ],
)
def test_a_record_that_bears_a_mark_is_refused_without_its_title(changes) -> None:
    with pytest.raises(Classified) as caught:
        record_from_wire(changed(**changes))
    assert "某案" not in json.dumps(caught.value.to_wire(), ensure_ascii=False)


def test_a_declassified_record_enters_when_the_day_of_it_is_stated() -> None:
    record_from_wire(changed(security_change="原为机密★10年，2020年1月1日按保密办〔2020〕1号解密"))
    for incomplete in ("原为机密★10年，已解密", "机密★10年，2020年1月1日"):
        with pytest.raises(Classified):
            record_from_wire(changed(security_change=incomplete))


def test_a_file_name_that_bears_a_mark_is_refused() -> None:
    with pytest.raises(Classified):
        record_from_wire(with_file(name="机密★20年.pdf"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"level": "item"}, "item_without_volume"),
        ({"parent_id": str(uuid.UUID(int=9))}, "unexpected_parent"),
        ({"level": "item", "parent_id": str(uuid.UUID(int=1))}, "own_parent"),
        ({"state": "void"}, "void_incomplete"),
        ({"state": "void", "void_reason": "重复", "code": None}, "void_incomplete"),
        ({"state": "void", "void_reason": "重复", "number": None}, "void_incomplete"),
        ({"void_reason": "重复"}, "reason_without_void"),
        ({"date": None}, "filed_incomplete"),
        ({"holding": "paper"}, "electronic_in_paper"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(changes, code) -> None:
    with pytest.raises(Invalid) as caught:
        record_from_wire(changed(**changes))
    assert caught.value.code == code


def test_a_record_still_being_arranged_may_lack_date_code_and_history() -> None:
    record_from_wire(changed(state="arranging", date=None, code=None, number=None, events=[]))


def test_ids_and_places_are_never_used_twice() -> None:
    wire = record_to_wire(a_record())
    wire["documents"] *= 2
    with pytest.raises(Invalid) as caught:
        record_from_wire(wire)
    assert caught.value.code == "duplicate"


def test_the_size_of_a_record_is_that_of_all_its_files() -> None:
    files = tuple(
        ComputerFile(str(n), f"{n}.pdf", n, "0" * 64, None, FileKind.BORN_DIGITAL) for n in (1, 2)
    )
    record = a_record(documents=(Document("d", "正本", None, 1, files),))
    assert record.size == 3


def test_an_event_keeps_its_microseconds() -> None:
    time = datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    record = with_event(a_record(), "移交", "张三", agent_unit="区政府办", time=time)
    assert record_to_wire(record)["events"][-1]["time"] == "2024-01-02T03:04:05.000006Z"


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        (["通知.pdf", "名单.xls"], ["正本", "附件"]),
        (["0004_定稿.rtf", "0004_正文.pdf"], ["定稿", "正本"]),
        (["处理单.jpg", "来件.pdf", "附件1：名单.xls"], ["文件处理单", "正本", "附件"]),
        (["通知（定稿）.docx", "发文稿纸 2.jpg", "通知.ofd"], ["定稿", "发文稿纸", "正本"]),
        (["关于启用新稿纸的通知及附件.pdf"], ["正本"]),
        (["定稿.doc"], ["定稿"]),
    ],
)
def test_names_of_files_say_their_roles(names: list[str], roles: list[str]) -> None:
    """A draft that was imported beside its letter became an annex, and was asked for as missing."""
    assert roles_named(names) == roles
