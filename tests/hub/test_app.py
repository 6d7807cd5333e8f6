"""The hub's pages and API as people meet them: no dead links, and nobody sees another's."""

import re
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest

from hub.app import make_app
from hub.catalogue import service as catalogue
from hub.federation import service as federation
from shared.audit import take_from, verify_files
from shared.identity import Account
from shared.kernel.actor import ADMINISTRATORS, Grant, Role
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey
from tests.hard_edges import get_routes, soft_edges
from tests.people import employ
from tests.records import next_version

YILING, ZHIJIANG, CITY = "420506", "420583", "420500"
PASSWORD = "Dangan-2024-ceshi"
_CSRF = re.compile(r'name="csrf-token" content="([^"]+)"')
_LINK = re.compile(r'(?:href|src)="([^"]+)"')


class Browser:
    """A signed-in person with a browser, and with a token for the API."""

    def __init__(self, app, login):
        self.client = app.test_client()
        self._csrf = _CSRF.search(self.client.get("/sign-in").text)[1]
        answer = self.post("/sign-in", login=login, password=PASSWORD)
        assert answer.status_code == 302, answer.text
        self._csrf = _CSRF.search(self.client.get("/").text)[1]
        token = app.test_client().post(
            "/api/v1/sign_in", json={"login": login, "password": PASSWORD}
        )
        self._token = token.json["token"]

    def get(self, path):
        return self.client.get(path, buffered=True)

    def post(self, path, **fields):
        return self.client.post(path, data={"csrf_token": self._csrf, **fields})

    def api(self, path, **query):
        return self.client.get(
            f"/api/v1{path}",
            query_string=query,
            headers={"Authorization": f"Bearer {self._token}"},
        )


@pytest.fixture
def app(city):
    app = make_app(city.folder)
    app.testing = True
    return app


@pytest.fixture
def people(app, city):
    """One person of each kind, and two towns whose records lie before two archives."""
    with city.database.write() as session:
        towns = {}
        for name, division, number in (
            ("小溪塔街道办事处", "420506001000", "J001"),
            ("马家店街道办事处", "420583001000", "J002"),
        ):
            fonds = city.fonds(name, division, session, number=number)
            node = city.node(name, fonds, session=session)
            records = [city.record(fonds, n, title=f"{name}第{n}号文件") for n in range(1, 4)]
            catalogue.apply_records(session, node.id, city.entries(*records))
            offered = next_version(records[0], state="offered")
            catalogue.apply_records(session, node.id, city.entries(offered))
            towns[division[:6]] = (fonds, node, records)
        for login, grant in {
            "admin": Grant(Role.SYSTEM_ADMINISTRATOR),
            "security": Grant(Role.SECURITY_ADMINISTRATOR),
            "auditor": Grant(Role.AUDITOR),
            "county": Grant(Role.SYSTEM_ADMINISTRATOR, ZHIJIANG),
            "yiling": Grant(Role.REVIEWER, YILING),
            "zhijiang": Grant(Role.REVIEWER, ZHIJIANG),
            "city": Grant(Role.ARCHIVIST, CITY),
            "clerk": Grant(Role.CLERK, None, towns[YILING][0].id),
        }.items():
            employ(login, login, PASSWORD, [grant], session=session)
    return lambda login: Browser(app, login), towns


@pytest.mark.parametrize(
    "login", ["admin", "security", "auditor", "county", "yiling", "city", "clerk"]
)
def test_no_link_leads_nowhere_and_no_page_has_soft_edges(people, login):
    sign_in, _ = people
    browser = sign_in(login)
    waiting, seen = ["/"], set()
    while waiting and len(seen) < 400:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = browser.get(path)
        assert answer.status_code in (200, 302), f"{path}: {answer.status_code}"
        is_page = "html" in answer.content_type
        soft = soft_edges(
            f"http://localhost{path}", answer.headers, answer.text if is_page else None
        )
        assert not soft, soft
        if not is_page:
            continue
        for link in _LINK.findall(answer.text):
            target = urlsplit(urljoin(f"http://localhost{path}", unescape(link)))
            if target.netloc != "localhost" or target.path.startswith("/static/vendor"):
                continue
            where = target.path + (f"?{target.query}" if target.query else "")
            if "sort=" not in where and "page=" not in where and "size=" not in where:
                waiting.append(where)
    assert len(seen) > 10


def test_every_route_answers_whoever_asks_with_hard_edges(people, app, city):
    sign_in, _ = people
    with city.database.write() as session:
        grants = [Grant(role) for role in Role if role not in ADMINISTRATORS]
        employ("all", "都行", PASSWORD, grants, session=session)
    people_of_each_duty = ("all", "admin", "security", "auditor")
    clients = [sign_in(each).client for each in people_of_each_duty]
    paths = get_routes(app)
    assert len(paths) > 60
    for client in (*clients, app.test_client()):
        for path in paths:
            answer = client.get(path, buffered=True)
            assert answer.status_code < 500, f"{answer.status_code} {path}"
            page = answer.text if "html" in (answer.content_type or "") else None
            soft = soft_edges(f"http://localhost{path}", answer.headers, page)
            assert not soft, soft


def test_pages_offer_each_role_its_own(people):
    sign_in, _ = people
    wanted = {
        "admin": {"联网单位", "全宗", "档案馆", "账号", "运行情况"},
        "security": {"账号", "待双人确认", "操作日志"},
        "auditor": {"账号", "待双人确认", "操作日志"},
        "yiling": {"审核", "联网单位", "全宗"},
        "city": {"接收", "联网单位"},
        "clerk": {"目录", "全宗"},
    }
    for login, labels in wanted.items():
        page = sign_in(login).get("/").text
        offered = set(re.findall(r'nav-link-title">([^<]+)<', page))
        offered |= set(re.findall(r'class="dropdown-item[^>]*>([^<]+)</a>', page))
        assert labels <= offered
        assert ("账号" in offered) == (login in {"admin", "security", "auditor"})
        assert ("操作日志" in offered) == (login in {"security", "auditor"})
        assert ("审核" in offered) == (login == "yiling")


def test_a_reviewer_of_one_county_sees_nothing_of_another_on_any_page(people):
    sign_in, towns = people
    fonds, node, records = towns[YILING]
    browser = sign_in("zhijiang")
    for path in (
        f"/fonds/{fonds.id}",
        f"/nodes/{node.id}",
        *(f"/catalogue/records/{each.id}" for each in records),
    ):
        answer = browser.get(path)
        assert answer.status_code == 404, path
        assert "小溪塔" not in answer.text
    for path in ("/catalogue/", "/fonds/", "/nodes/", f"/catalogue/?fonds={fonds.id}"):
        assert "小溪塔街道办事处第" not in browser.get(path).text
        assert "马家店" in browser.get(path.partition("?")[0]).text
    assert (
        browser.get("/catalogue/?q=小溪塔街道办事处第1号").text.count("小溪塔街道办事处第1号文件")
        == 0
    )


def test_a_node_page_names_only_the_fonds_that_one_may_look_at(people, city):
    sign_in, _ = people
    with city.database.write() as session:
        township = city.fonds(
            "分乡镇人民政府", "420506103000", session, number="J003", receiving_archive=CITY
        )
        village = city.fonds("大中坝村村民委员会", "420506103202", session)
        node = city.node("分乡镇", township, village, session=session)
        ids = (node.id, township.id, village.id)
    page = sign_in("city").get(f"/nodes/{ids[0]}").text
    assert f"/fonds/{ids[1]}" in page
    assert ids[2] not in page, "the link would lead nowhere"
    assert f"/fonds/{ids[2]}" in sign_in("yiling").get(f"/nodes/{ids[0]}").text


def test_an_administrator_of_one_county_was_shown_the_whole_city(people, city):
    sign_in, towns = people
    with city.database.read() as session:
        account = session.query(Account).filter_by(login="yiling").one().id
    browser = sign_in("county")
    assert browser.get(f"/accounts/{account}").status_code == 404
    listed = browser.get("/accounts/").text
    assert "没有" in listed
    assert "yiling" not in listed
    for path in ("/audit/", "/running/", "/letters/"):
        assert browser.get(path).status_code == 403, path
    assert browser.get("/parcels/").status_code == 403
    assert browser.post("/audit/verify").status_code == 403
    assert browser.get("/audit/export").status_code == 403
    pages = [browser.get(path).text for path in ("/", "/nodes/", f"/nodes/{towns[ZHIJIANG][1].id}")]
    offered = {link for page in pages for link in _LINK.findall(page)}
    assert not {"/audit/", "/running/", "/letters/", "/parcels/"} & offered
    assert "/nodes/new" in offered, "what is the county's own stays"
    for path in ("/nodes/new", "/fonds/new"):
        places = browser.get(path).text
        assert "枝江市 董市镇" in places
        assert "夷陵区 分乡镇" not in places, "was offered, and refused when it was sent"


def test_the_log_goes_out_signed_by_the_hub(people, city, tmp_path):
    sign_in, _ = people
    answer = sign_in("auditor").get("/audit/export")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].isascii(), "a server sends nothing else"
    file = tmp_path / "日志.jsonl"
    file.write_bytes(answer.data)
    found = verify_files([file], key=city.key.public)
    assert (found.problems, found.signed_by) == ([], [city.key.public.id])
    assert b'"audit.exported"' in answer.data


def test_a_log_that_a_node_has_seen_otherwise_is_shown_until_somebody_knows_why(people, city):
    sign_in, towns = people
    node = towns[YILING][1]
    with city.database.write() as session:
        take_from(node.id, {"audit": _end(1), "audit_held": _end(900)}, session)
    browser = sign_in("security")
    assert f"“{node.name}”见证过本机日志的第 900 条" in browser.get("/audit/").text
    browser.post("/audit/settle", party=node.id)
    assert "请写明查明的原因" in browser.get("/audit/").text
    browser.post("/audit/settle", party=node.id, reason="恢复了昨天的备份")
    assert "第 900 条，现在没有" not in browser.get("/audit/").text
    page = sign_in("auditor").get("/audit/").text
    assert "第 900 条，现在没有" not in page
    assert "恢复了昨天的备份" in page


def _end(seq):
    return {"seq": seq, "digest": "ab" * 32}


def test_nor_in_the_api(people):
    sign_in, towns = people
    fonds, node, records = towns[YILING]
    browser = sign_in("zhijiang")
    found = browser.api("/catalogue/records").json
    assert {row["fonds_id"] for row in found["rows"]} == {towns[ZHIJIANG][0].id}
    assert browser.api("/catalogue/records", fonds=fonds.id).json["rows"] == []
    assert browser.api("/catalogue/records", q="小溪塔").json["rows"] == []
    for each in records:
        assert browser.api(f"/catalogue/records/{each.id}").status_code == 404
    assert browser.api(f"/fonds/{fonds.id}").status_code == 404
    assert [each["id"] for each in browser.api("/fonds").json["fonds"]] == [towns[ZHIJIANG][0].id]
    assert node.id not in {each["id"] for each in browser.api("/nodes").json["nodes"]}


def test_nor_may_touch_it(people):
    sign_in, towns = people
    fonds, node, _ = towns[YILING]
    browser = sign_in("zhijiang")
    for path in (
        f"/nodes/{node.id}/suspend",
        f"/nodes/{node.id}/code",
        f"/nodes/{node.id}/grant",
        f"/fonds/{fonds.id}/close",
        f"/fonds/{fonds.id}/rename",
        f"/fonds/{fonds.id}/number",
    ):
        assert browser.post(path, reason="x", name="x", since="2024-01-01").status_code in (
            403,
            404,
        )


def test_the_city_sees_counts_of_what_it_may_not_read(people):
    sign_in, _ = people
    browser = sign_in("city")
    assert browser.api("/catalogue/records").json["rows"] == []
    counts = browser.api("/catalogue/counts", by="state").json
    assert counts == {
        "total": 6,
        "counts": [{"state": "filed", "records": 4}, {"state": "offered", "records": 2}],
    }
    assert "6" in browser.get("/catalogue/counts").text


def test_the_clerk_reads_the_own_record_on_page_and_api(people):
    sign_in, towns = people
    _, _, records = towns[YILING]
    browser = sign_in("clerk")
    assert "小溪塔街道办事处第2号文件" in browser.get(f"/catalogue/records/{records[1].id}").text
    answer = browser.api(f"/catalogue/records/{records[1].id}").json
    assert answer["record"]["title"] == "小溪塔街道办事处第2号文件"
    assert answer["sight"] == "full"


def test_an_administrator_registers_a_fonds_and_invites_its_node(people, app, city):
    sign_in, _ = people
    browser = sign_in("admin")
    made = browser.post("/fonds/new", name="龙泉镇人民政府", division="420506101000", number="J010")
    assert made.status_code == 302, made.text
    fonds_id = made.location.rpartition("/")[2]
    invited = browser.post("/nodes/new", name="龙泉镇", division="420506101000", fonds=fonds_id)
    code = re.search(r"--code ([0-9A-Z-]+)", invited.text)[1]
    answer = enrol(app, code)
    assert answer.status_code == 200, answer.text
    assert [each["fonds"]["id"] for each in answer.json["fonds"]] == [fonds_id]
    assert code not in browser.get(f"/nodes/{answer.json['node_id']}").text
    assert (
        browser.post(f"/nodes/{answer.json['node_id']}/suspend", reason="检修").status_code == 302
    )
    with city.database.read() as session:
        assert not federation.node_of(answer.json["node_id"], session).may_talk
    assert browser.post(f"/nodes/{answer.json['node_id']}/resume").status_code == 302


def test_fonds_that_nobody_keeps_are_offered_by_division_and_to_their_own_county(people, city):
    sign_in, _ = people
    with city.database.write() as session:
        city.fonds("龙泉镇人民政府", "420506101000", session)
        city.fonds("董市镇人民政府", "420583104000", session)
    admin = sign_in("admin")
    assert {"龙泉镇人民政府", "董市镇人民政府"} <= _boxes(admin.get("/nodes/new"))
    assert _boxes(admin.get("/nodes/free?division=420506000000")) == {"龙泉镇人民政府"}
    assert admin.get("/nodes/free?division=1").status_code == 404, "no such place"
    county = sign_in("county")
    assert _boxes(county.get("/nodes/new")) == {"董市镇人民政府"}, "its own, no other county's"


def _boxes(answer):
    assert answer.status_code == 200, answer.text
    return set(re.findall(r'form-check-label">([^<]+)<', answer.text))


def test_a_wrong_field_is_told_beside_it(people):
    sign_in, _ = people
    browser = sign_in("admin")
    answer = browser.post("/fonds/new", name="某镇", division="420506101000", number="太长的号")
    assert answer.status_code == 422
    assert "全宗号应为4位" in answer.text
    assert 'value="某镇"' in answer.text


def test_a_disclosure_of_unknown_fields_was_answered_as_if_done(people):
    sign_in, towns = people
    browser = sign_in("security")
    path = f"/fonds/{towns[YILING][0].id}/disclosure"
    for fields in (
        {},
        {"level": "full"},
        {"class_ZZZ": "full"},
        {"class_WS": "counts", "class_ZZZ": "full"},
        {"class_WS": "everything"},
    ):
        assert browser.post(path, **fields).status_code == 422, fields
    assert browser.post(path, class_WS="counts").status_code == 302


def application(code):
    return {
        "code": code,
        "device_public": SigningKey.generate().public.hex,
        "seal_public": SigningKey.generate().public.hex,
        "instance_id": new_id(),
        "version": "0.1.0",
    }


def enrol(app, code, **more):
    return app.test_client().post("/api/v1/enrolments", json={**application(code), **more})


def test_a_wrong_code_is_a_problem_and_soon_throttled(app):
    for _ in range(10):
        answer = enrol(app, "AAAAA-BBBBB-CCCCC-DDDDD")
        assert answer.status_code == 403
        assert answer.content_type.startswith("application/problem+json")
        assert answer.json["code"] == "wrong_code"
    answer = enrol(app, "AAAAA-BBBBB-CCCCC-DDDDD")
    assert answer.status_code == 429


def test_an_enrolment_whose_answer_was_lost_is_answered_again_and_nobody_elses(app, city):
    with city.database.write() as session:
        fonds = city.fonds("龙泉镇人民政府", "420506101000", session)
        code = federation.create_node_with_code(
            city.admin, "龙泉镇", "420506101000", [fonds.id], key=city.key, session=session
        ).code
    asked = application(code)
    first = app.test_client().post("/api/v1/enrolments", json=asked).json
    again = app.test_client().post("/api/v1/enrolments", json=asked).json
    assert (first["node_id"], first["epoch"]) == (again["node_id"], again["epoch"])
    assert enrol(app, code).status_code == 403
    assert again["epoch"] == 1


def test_a_search_for_an_endless_year_was_a_server_error(people):
    sign_in, _towns = people
    browser = sign_in("yiling")
    for path in ("/catalogue/records", "/catalogue/counts"):
        answer = browser.api(path, year="9" * 24)
        assert answer.status_code == 422
        assert answer.json["errors"][0]["field"] == "year"
        assert answer.json["remedy"] == "应在 1600 到 2100 之间。"


def test_an_enrolment_nested_too_deep_was_a_server_error(app):
    answer = app.test_client().post(
        "/api/v1/enrolments", data="[" * 100_000, content_type="application/json"
    )
    assert answer.status_code == 400
    assert answer.json["code"] == "bad_request"
