"""The resource catalogue: 13 items that hold together, approved by another than who edits."""

from __future__ import annotations

import io
from typing import Any

import pytest
from click.testing import CliRunner
from lxml import etree
from marshmallow import ValidationError
from python_calamine import CalamineWorkbook
from rdflib import Graph
from rdflib.namespace import DCTERMS
from sqlalchemy.orm import Session

from hub.sharing.resources import exports, items, service
from hub.sharing.resources.commands import resources_group
from hub.sharing.resources.credit_code import check_credit_code
from hub.sharing.resources.dcat import OWN
from hub.sharing.resources.document import read_description
from hub.sharing.resources.exports import KINDS, Catalogue
from hub.sharing.resources.models import Resource
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.canonical import canonical_json
from shared.kernel.errors import Classified, Conflict, Invalid, NotAllowed, NotFound, WrongState
from shared.records.record import RecordSchema
from tests.hub.conftest import City
from tests.hub.desk import Api, Browser, make_desk
from tests.hub.sharing.described import description

YILING, ZHIJIANG = "420506", "420583"
DATA = exports.__file__.rpartition("/")[0] + "/data"


@pytest.fixture
def editor(city: City) -> Actor:
    return city.archivist(YILING)


@pytest.fixture
def leader(city: City) -> Actor:
    return city.person(Grant(Role.LEADER, YILING))


def published(session: Session, editor: Actor, leader: Actor, **changes: Any) -> Resource:
    resource = service.begin(editor, YILING, description(**changes), session=session)
    service.submit(editor, resource.id, session=session)
    return service.approve(leader, resource.id, session=session)


# ---- the items


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sharing": {"type": "conditional"}}, "sharing.conditions"),
        ({"sharing": {"type": "none", "methods": []}}, "sharing.conditions"),
        ({"sharing": {"methods": []}}, "sharing.methods"),
        ({"sharing": {"type": "none", "conditions": "依法"}}, "sharing.methods"),
        ({"sharing": {"type": "none", "conditions": "依法", "methods": []}}, "opening.open"),
        ({"coverage": "controlled", "opening": {"open": False}}, "sharing.type"),
        ({"items": {"keys": []}}, "items.keys"),
        ({"items": {"keys": ["title", "secret"]}}, "items.keys"),
        ({"format": {"type": "ofd"}}, "format.type"),
        ({"category": {"item": "399"}}, "category.item"),
        ({"category": {"subject": "1"}}, "category.subject"),
        ({"category": {"detail": "01"}}, "category.detail"),
        ({"provider": {"code": "91350100M000100Y44"}}, "provider.code"),
        ({"related": ["306001-1"]}, "related"),
        ({"name": None}, "name"),
    ],
)  # fmt: skip
def test_what_items_say_against_each_other_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read_description(description(**changes))
    assert field in _paths(caught.value.messages)


def _paths(messages: Any, before: str = "") -> set[str]:
    if not isinstance(messages, dict):
        return {before.removesuffix(".")}
    return {path for key, inner in messages.items() for path in _paths(inner, f"{before}{key}.")}


def test_every_right_description_is_taken() -> None:
    closed = {
        "coverage": "controlled",
        "sharing": {"type": "conditional", "conditions": "供核实证照办理，须经本馆批准"},
        "opening": {"open": False},
        "related": ["306001/000001"],
    }
    for changes in ({}, closed, {"format": {"kind": "self_described", "type": "EEP"}}):
        assert read_description(description(**changes)) == description(**changes)
    with pytest.raises(Classified):
        read_description(description(abstract="机密★10年的目录"))


def test_a_credit_code_is_right_to_its_last_character() -> None:
    for code in ("91350100M000100Y43", " 91350100m000100y43 "):
        assert check_credit_code(code, "code") == "91350100M000100Y43"
    for code in ("", "91350100M000100Y4", "91350100M000100Y34", "9135O100M000100Y43"):
        with pytest.raises(Invalid) as caught:
            check_credit_code(code, "code")
        assert caught.value.code == "bad_credit_code"


def test_information_items_are_those_by_which_records_are_read() -> None:
    listed = items.items_of("record")
    assert list(listed) == list(RecordSchema().fields)
    assert (listed["title"].type, listed["title"].length) == ("C", 500)
    assert (listed["date"].type, listed["year"].type, listed["events"].type) == ("D", "I", "G")
    assert items.items_of("dat46")["M22"].name == "题名"
    said = items.chosen("record", ["code", "title"])
    assert [each["key"] for each in said] == ["code", "title"]
    assert items.outdated("record", said) == []
    assert items.outdated("record", [{**said[0], "length": 7}, {**said[1], "key": "x"}]) == [
        "档号", "题名",
    ]  # fmt: skip


# ---- from the draft to the catalogue


def test_who_edits_is_not_who_approves_and_what_was_published_stays(
    city: City, session: Session, editor: Actor, leader: Actor
) -> None:
    both = city.person(Grant(Role.ARCHIVIST, YILING), Grant(Role.LEADER, YILING))
    resource = service.begin(both, YILING, description(), session=session)
    assert resource.code is None
    with pytest.raises(WrongState):
        service.approve(leader, resource.id, session=session)
    service.submit(editor, resource.id, session=session)
    for who in (both, editor, city.admin, city.person(Grant(Role.LEADER, ZHIJIANG))):
        with pytest.raises((NotAllowed, NotFound)):
            service.approve(who, resource.id, session=session)
    service.send_back(leader, resource.id, "摘要太短", session=session)
    assert (resource.state, resource.returned) == ("draft", "摘要太短")
    service.submit(both, resource.id, session=session)
    service.approve(leader, resource.id, session=session)
    assert (resource.state, resource.code, resource.number) == ("published", "307001/000001", 1)

    first = service.published(resource, session)
    assert first is not None
    service.edit(
        editor, resource.id, description(update_cycle="weekly"),
        revision=resource.revision, session=session,
    )  # fmt: skip
    assert service.published(resource, session) == first, "the published one stays in force"
    service.submit(editor, resource.id, session=session)
    service.approve(leader, resource.id, session=session)
    versions = service.versions_of(resource.id, session=session)
    assert [(each.number, each.changed) for each in versions] == [(2, ["update_cycle"]), (1, [])]
    assert versions[1].document == first
    assert service.documents_in_force(session) == [versions[0].document]


def test_codes_are_counted_within_a_front_section_and_never_change(
    session: Session, editor: Actor, leader: Actor
) -> None:
    numbered = [published(session, editor, leader) for _ in range(2)]
    detailed = {"detail": "01", "detail_name": "民国"}
    other = published(session, editor, leader, category=detailed)
    assert [each.code for each in (*numbered, other)] == [
        "307001/000001", "307001/000002", "30700101/000001",
    ]  # fmt: skip
    with pytest.raises(Invalid) as caught:
        service.edit(editor, other.id, description(), revision=other.revision, session=session)
    assert caught.value.code == "code_is_fixed"


def test_a_draft_is_given_up_and_a_published_resource_withdrawn(
    session: Session, editor: Actor, leader: Actor
) -> None:
    resource = service.begin(editor, YILING, description(), session=session)
    assert service.drop(editor, resource.id, session=session)
    resource = published(session, editor, leader)
    said = description(name="改了名")
    revision = resource.revision
    service.edit(editor, resource.id, said, revision=revision, session=session)
    with pytest.raises(Conflict):
        service.edit(editor, resource.id, said, revision=revision, session=session)
    assert not service.drop(editor, resource.id, session=session)
    assert (resource.state, resource.name) == ("published", description()["name"])
    with pytest.raises(NotAllowed):
        service.withdraw(editor, resource.id, "重复", session=session)
    service.withdraw(leader, resource.id, "重复", session=session)
    assert service.documents_in_force(session) == []
    service.edit(editor, resource.id, said, revision=resource.revision, session=session)
    service.drop(editor, resource.id, session=session)
    assert resource.state == "withdrawn", "what was withdrawn does not come back with a draft"


# ---- out


def catalogue(*changed: dict[str, Any]) -> Catalogue:
    from hub.sharing.resources.document import published_document

    documents = [
        published_document(
            read_description(description(**changes)),
            code=f"307001/{number:06d}",
            number=1,
            archive=YILING,
            published_on="2026-11-26",
            made_by="编制人",
            approved_by="批准人",
            approved_at="2026-11-26T00:00:00.000000Z",
        )
        for number, changes in enumerate(changed, 1)
    ]
    return Catalogue(
        "夷陵区档案馆", "https://hub.example", "2026-11-26T00:00:00.000000Z", documents
    )


SOME = (
    {},
    {
        "name": "=1+1",
        "category": {"detail": "01", "detail_name": "民国"},
        "coverage": "controlled",
        "sharing": {"type": "conditional", "conditions": "经批准", "methods": ["mail", "disk"]},
        "opening": {"open": False},
        "items": {"keys": ["title"]},
        "related": ["306001/000001"],
    },
    {
        "sharing": {"type": "none", "conditions": "依《档案法》第三十条", "methods": []},
        "opening": {"open": False},
        "provider": {"unit": None},
    },
)


def test_the_official_form_has_a_line_per_information_item() -> None:
    book = CalamineWorkbook.from_filelike(io.BytesIO(exports.xlsx(catalogue(*SOME))))
    rows = book.get_sheet_by_index(0).to_python()
    assert rows[0][0] == "夷陵区档案馆政务信息资源目录"
    heading = [upper or "" for upper in rows[1]]
    named = ("信息资源名称", "信息项信息", "开放属性")
    assert [heading.index(each) for each in named] == [4, 11, 18]
    assert len(rows) == 3 + 3 + 1 + 3
    first = rows[3]
    assert first[:2] == ["部门信息资源", "省（自治区、直辖市）及其下各级政务部门"]
    assert (first[5], first[6], first[11], first[12]) == (
        "307001/000001", "夷陵区档案馆信息化科", "档号", "字符型",
    )  # fmt: skip
    assert [row[11] for row in rows[3:6]] == ["档号", "题名", "日期"]
    assert rows[6][4] == "'=1+1", "nothing in it is ever computed"
    assert rows[6][14:18] == ["有条件共享", "经批准", "邮件、拷盘", "电子邮件、拷盘"]


def test_xml_and_json_say_the_same_and_keep_to_the_schema() -> None:
    whole = catalogue(*SOME)
    root = etree.fromstring(exports.xml(whole))
    etree.XMLSchema(file=f"{DATA}/resource-catalogue-1.xsd").assertValid(root)
    named = root.findall(f".//{{{exports.NAMESPACE}}}resource")
    assert [each.get("code") for each in named] == [each["code"] for each in whole.documents]
    assert canonical_json(list(whole.documents)) in exports.json(whole)


def test_dcat_keeps_to_its_shapes_and_the_shapes_are_no_empty_promise() -> None:
    import pyshacl

    shapes = Graph().parse(f"{DATA}/dcat-shapes.ttl")

    def conforms(graph: Graph) -> bool:
        return bool(pyshacl.validate(graph, shacl_graph=shapes)[0])

    text = KINDS["dcat"].make(catalogue(*SOME)).decode()
    graph = Graph().parse(data=text)
    assert conforms(graph)
    in_xml = KINDS["dcat-xml"].make(catalogue(*SOME))
    assert graph.isomorphic(Graph().parse(data=in_xml, format="xml"))
    for needed in (OWN.sharingConditions, DCTERMS.issued, DCTERMS.publisher):
        kept = list(graph.triples((None, needed, None)))
        graph.remove((None, needed, None))
        assert not conforms(graph), needed
        for triple in kept:
            graph.add(triple)


# ---- at the screen


def test_from_the_form_to_the_files(city: City) -> None:
    app = make_desk(
        city,
        bianzhi=Grant(Role.ARCHIVIST, YILING),
        guanzhang=Grant(Role.LEADER, YILING),
        other=Grant(Role.ARCHIVIST, ZHIJIANG),
    )
    editor, leader, other = (Browser(app, each) for each in ("bianzhi", "guanzhang", "other"))
    assert "还没有发布的信息资源" in editor.get("/resources/").text
    form = {
        "archive": YILING, "name": "已开放档案目录", "category.item": "307",
        "category.subject": "001", "category.subject_name": "档案",
        "provider.name": "夷陵区档案馆", "provider.code": "91350100M000100Y43",
        "abstract": "目录，\n含题名", "format.kind": "database", "format.type": "postgresql",
        "items.structure": "record", "items.keys": ["title", "code"], "coverage": "open",
        "sharing.type": "conditional", "sharing.methods": ["platform_service", "mail"],
        "opening.open": "no", "update_cycle": "daily", "related": "306001/1、306001/2",
    }  # fmt: skip
    answer = editor.send("/resources/new", form)
    assert answer.status_code == 422
    assert "有条件共享须写明条件" in answer.text
    assert editor.send("/resources/new", {**form, "items.structure": "x"}).status_code == 422
    for kept in ("已开放档案目录", "306001/1、306001/2", 'value="title" checked'):
        assert kept in answer.text, "what was typed stays typed"
    answer = editor.send("/resources/new", {**form, "sharing.conditions": "核实证照"})
    assert answer.status_code == 302, answer.text
    page = answer.headers["Location"]
    for path in (page, f"{page}/edit"):
        assert other.get(path).status_code in (403, 404)
    assert "已开放档案目录" in leader.get("/resources/?tab=prepared&sort=-changed&q=档案").text
    assert "已开放档案目录" not in other.get("/resources/?tab=prepared").text

    edit = editor.get(f"{page}/edit").text
    assert 'value="title" checked' in edit
    assert "目录， 含题名" in edit
    assert editor.send(f"{page}/submit").status_code == 302
    assert f"{page}/approve" not in editor.get(page).text
    assert editor.send(f"{page}/approve").status_code == 403
    assert leader.send(f"{page}/return", {"reason": "补充摘要"}).status_code == 302
    assert "补充摘要" in editor.get(page).text
    assert editor.send(f"{page}/submit").status_code == 302
    assert leader.send(f"{page}/approve").status_code == 302
    shown = other.get(page).text
    assert "307001/000001" in shown
    assert "首次发布" in shown
    assert other.get(f"{page}/versions/1").status_code == 200
    assert other.get("/resources/by-code/307001/000001").headers["Location"] == page
    for kind in KINDS.values():
        name = next(each for each, one in KINDS.items() if one is kind)
        answer = other.get(f"/resources/export.{name}?archive={YILING}")
        assert answer.status_code == 200
        assert len(answer.data) > 500
    assert other.get("/resources/export.exe").status_code == 404

    target = city.folder.path / "目录.xml"
    asked = ["export", "--dir", str(city.folder.path), "--format", "xml", "--to", str(target)]
    assert CliRunner().invoke(resources_group, asked).exit_code == 0
    assert "307001/000001" in target.read_text(encoding="utf-8")
    assert CliRunner().invoke(resources_group, asked).exit_code != 0, "nothing is overwritten"

    api = Api(app, "other")
    listed = api.get("/resources").get_json()
    assert (listed["total"], listed["resources"][0]["code"]) == (1, "307001/000001")
    assert api.get(f"/resources/{page.rpartition('/')[2]}").get_json() == listed["resources"][0]
    assert api.get("/resources?archive=420000").get_json()["total"] == 0
    assert b"dcat:Dataset" in api.get("/resources/export?format=dcat").data
    assert leader.send(f"{page}/withdraw", {"reason": "合并"}).status_code == 302
    assert api.get("/resources").get_json()["total"] == 0
    assert "合并" in other.get(page).text
