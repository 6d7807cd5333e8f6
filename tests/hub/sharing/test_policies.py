"""No withheld field ever leaves, whatever the policy: property tests over policies and records."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.sharing.policies import (
    ALWAYS,
    FIELDS,
    Audience,
    Holding,
    Policy,
    Standing,
    shown,
    standing_of,
)
from shared.kernel.canonical import canonical_json
from shared.kernel.identifiers import new_id
from shared.records.record import Opening, Publicity, record_to_wire
from tests.hub.conftest import City

_SECRETS = {
    "code": "J001-WS·1990-D30-BGS-0417",
    "title": "唯一的题名甲",
    "doc_no": "唯一的文号乙",
    "author": "唯一的责任者丙",
    "date": "1990-03-07",
    "organ_name": "唯一的机构丁",
    "pages": 41273,
    "holding": "paper",
}
_NEVER = (
    "remark",
    "box",
    "location",
    "documents",
    "events",
    "former_codes",
    "parent_id",
    "opening",
)

_fields = st.sets(st.sampled_from(sorted(FIELDS)))
_policies = st.one_of(
    st.none(),
    st.builds(
        lambda seen, closed, years: Policy(frozenset(seen), frozenset(closed & seen), years),
        _fields,
        _fields,
        st.sampled_from([0, 25, 60]),
    ),
)
_standings = st.one_of(
    st.none(), st.sampled_from([Standing("open"), Standing("closed"), Standing("hidden")])
)


def _wire(**more: Any) -> dict[str, Any]:
    fonds = SimpleNamespace(id=new_id(), number="J001")
    made = City.record(
        None, fonds, 417, **{
            "year": 1990, "title": _SECRETS["title"], "doc_no": _SECRETS["doc_no"],
            "author": _SECRETS["author"], "organ_name": _SECRETS["organ_name"],
            "date": date(1990, 3, 7), "pages": 41273, "remark": "唯一的备注", **more,
        },
    )  # fmt: skip
    return {**record_to_wire(made), "holding": "paper"}


@settings(max_examples=60)
@given(
    policy=_policies,
    audience=st.sampled_from(list(Audience)),
    whole=_standings,
    opening=st.sampled_from([None, Opening("open"), Opening("controlled", "因故")]),
    publicity=st.sampled_from([None, "active", "on_request", "none"]),
    security=st.sampled_from(["none", "internal", "work_secret"]),
    archive=st.sampled_from([None, "420506"]),
    today=st.sampled_from(["2015-12-31", "2016-01-01", "2051-01-01"]),
)
def test_what_leaves_is_what_the_policy_shows_and_no_more(
    *, policy, audience, whole, opening, publicity, security, archive, today
):
    attribute = Publicity(publicity, "规定") if publicity else None
    wire = {**_wire(opening=opening, publicity=attribute), "security": security}
    held = Holding(wire, archive, "received", False, False, "某全宗")
    standing = standing_of(held, policy, today, whole)
    body = shown(held, policy, standing, audience)
    if security != "none" or archive is None or policy is None:
        assert body is None
    if opening is None or opening.opinion != "open" or publicity == "none":
        assert standing.name != "open"
    if audience is Audience.PUBLIC and standing.name != "open":
        assert body is None
    if body is None:
        return
    assert policy is not None
    allowed = policy.fields if standing.name == "open" else policy.closed_fields
    said = canonical_json(body).decode()
    for name, secret in _SECRETS.items():
        assert (name in body) == (name in allowed)
        assert (name in body["withheld"]) != (name in allowed)
        if name not in allowed:
            assert canonical_json(secret).decode() not in said
    assert not set(_NEVER) & body.keys()
    assert "唯一的备注" not in said
    assert set(ALWAYS) <= body.keys()


def test_no_text_of_a_personal_file_is_shown():
    wire = {**_wire(opening=Opening("open")), "class_code": "RS"}
    held = Holding(wire, "420506", "received", False, False)
    policy = Policy(frozenset(FIELDS))
    body = shown(held, policy, standing_of(held, policy, "2051-01-01"), Audience.PUBLIC)
    assert body is not None
    assert body["withheld"] == dict.fromkeys(("title", "doc_no", "author"), "personal_data")
