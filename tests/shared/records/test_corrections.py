"""What a correction after receipt may do to a record, whatever the record is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.clock import utc_text
from shared.kernel.errors import Classified, Invalid
from shared.kernel.identifiers import new_id
from shared.records.corrections import (
    CORRECTABLE,
    corrected,
    described,
    differing,
    read_values,
    shown,
)
from shared.records.record import Record, record_to_wire
from tests.shared.records.strategies import a_record, days, records, texts

#: What both sides have signed, what is sealed in the package, what decides who may see it.
UNTOUCHED = (
    *("id", "fonds_id", "level", "parent_id", "class_code", "subclass", "year", "retention"),
    *("organ", "organ_name", "catalogue_number", "project_number", "volume_number", "number"),
    *("code", "former_codes", "security", "security_change", "holding", "box", "location"),
    *("void_reason", "documents"),
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "title": texts(),
        "doc_no": st.none() | texts(),
        "author": st.none() | texts(),
        "date": days.map(lambda day: day.isoformat()),
        "pages": st.none() | st.integers(1, 9999),
        "remark": st.none() | texts(),
        "opening_opinion": st.sampled_from(["open", "controlled"]),
        "opening_reason": st.none() | texts(),
        "publicity_attribute": st.sampled_from(["active", "on_request", "none"]),
        "publicity_basis": st.none() | texts(),
    },
)


def event() -> dict[str, Any]:
    return {
        "id": new_id(), "action": "更正", "time": utc_text(), "agent": "赵接收",
        "agent_unit": "宜昌市档案馆", "basis": "核对原件", "description": None,
    }  # fmt: skip


@given(records(filed=True), VALUES)
def test_a_correction_changes_what_describes_and_nothing_else(
    record: Record, values: dict[str, Any]
) -> None:
    wire = record_to_wire(record)
    if wire["state"] == "void":
        return
    wanted = {"opening_opinion": "open", "publicity_attribute": "active", **values}
    assert read_values(wanted) == wanted, "what is on the wire reads as itself"
    made = corrected(wire, wanted, [event()], state="received")
    assert described(made) == {**described(wire), **wanted}
    assert {name: made[name] for name in UNTOUCHED} == {name: wire[name] for name in UNTOUCHED}
    assert (made["version"], made["state"]) == (wire["version"] + 1, "received")
    assert made["events"][:-1] == wire["events"]
    assert set(made) == set(wire)


def test_values_are_read_as_people_write_them() -> None:
    assert read_values(
        {"date": "2024年3月5日", "pages": "共3页", "opening_opinion": "控制", "remark": "  "}
    ) == {"date": "2024-03-05", "pages": 3, "opening_opinion": "controlled", "remark": None}


@pytest.mark.parametrize("name", [*UNTOUCHED, "version", "state", "events", "opening", "x"])
def test_everything_else_is_refused_by_name(name: str) -> None:
    assert name not in CORRECTABLE
    with pytest.raises(Invalid) as found:
        read_values({name: "值"})
    assert (found.value.code, found.value.field) == ("not_correctable", name)


@pytest.mark.parametrize("name", [name for name in CORRECTABLE if name not in ("date", "pages")])
def test_a_mark_of_classification_is_refused_in_every_text(name: str) -> None:
    with pytest.raises(Classified):
        read_values({name: "机密★10年"})


def test_an_opinion_may_be_taken_away_with_its_reason_only() -> None:
    wire = record_to_wire(a_record())
    with_reason = corrected(
        wire, {"opening_opinion": "controlled", "opening_reason": "含隐私"}, [event()],
        state="received",
    )  # fmt: skip
    with pytest.raises(Invalid) as found:
        corrected(with_reason, {"opening_opinion": None}, [event()], state="received")
    assert found.value.field == "opening_reason"
    without = corrected(
        with_reason, {"opening_opinion": None, "opening_reason": None}, [event()], state="received"
    )
    assert without["opening"] is None


def test_what_is_so_already_is_no_correction() -> None:
    wire = record_to_wire(a_record())
    with pytest.raises(Invalid) as found:
        differing(wire, {"title": wire["title"]})
    assert found.value.code == "nothing_to_change"
    assert differing(wire, {"title": wire["title"], "pages": 77}) == {"pages": 77}


def test_values_are_shown_in_words() -> None:
    assert shown("opening_opinion", "controlled") == "控制"
    assert (shown("pages", 3), shown("remark", None)) == ("3", "")
