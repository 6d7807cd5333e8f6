"""The pages 共享应用: applied for, approved by another, a secret shown once, the log taken home."""

from __future__ import annotations

import csv
import io
import json
import re

from click.testing import CliRunner
from joserfc.jwk import ECKey

from hub.app import make_app
from hub.command import hub
from hub.sharing.consumers import quotas
from hub.sharing.consumers.edge import ConsumerAccess
from shared.identity import access_of
from shared.kernel.actor import Grant, Role
from tests.hub.conftest import City
from tests.hub.desk import Browser, make_desk
from tests.hub.sharing.consumers.conftest import ME, day, terms


def test_from_an_application_to_its_log(city: City) -> None:
    with city.database.write() as session:
        city.fonds("宜昌市教育局", "420500000000", session, number="0101")
    app = make_desk(
        city,
        sqr=Grant(Role.ARCHIVIST),
        pzr=Grant(Role.ARCHIVIST),
        xtgl=Grant(Role.SYSTEM_ADMINISTRATOR),
        sjy=Grant(Role.AUDITOR),
        shen=Grant(Role.REVIEWER),
    )
    applicant, approver, administrator, reviewer = (
        Browser(app, login) for login in ("sqr", "pzr", "xtgl", "shen")
    )
    assert reviewer.get("/consumers/").status_code == 403
    assert "还没有共享应用" in administrator.get("/consumers/").text
    typed = {
        "name": "=HYPERLINK(1)", "body": "湖北省档案馆", "purpose": "汇聚目录",
        "audience": "public", "service": ["records", "oai"], "archive": ["420506"],
        "fonds": "宜昌市教育局", "since": day(0), "until": day(100), "requests": "5",
        "rows": "1000", "networks": "10.8.0.0/16\n127.0.0.1",
    }  # fmt: skip
    wrong = applicant.send("/consumers/new", {**typed, "fonds": "没有的局"})
    assert wrong.status_code == 422
    assert "没有名为“没有的局”的全宗" in wrong.text
    assert wrong.text.count(" checked") == 4, "what was ticked stays ticked"
    page = applicant.send("/consumers/new", typed).headers["Location"]
    consumer_id = page.rpartition("/")[2]
    assert f"{page}/approve" not in applicant.get(page).text
    assert applicant.send(f"{page}/approve").status_code == 403
    assert f"{page}/approve" in approver.get(page).text
    assert approver.send(f"{page}/approve").status_code == 302
    shown = administrator.get(page).text
    assert "每分钟 5 次，每天 1000 条" in shown
    assert "宜昌市教育局" in shown

    answer = administrator.send(f"{page}/secret")
    secret = re.search(r"<dt>密钥</dt><dd>([\w-]{40,})</dd>", answer.text)
    assert secret is not None
    assert "no-store" in answer.headers["Cache-Control"]
    assert secret[1] not in administrator.get(page).text
    program = app.test_client()
    token = program.post(
        "/api/v1/oauth/token", data={"grant_type": "client_credentials"},
        auth=(consumer_id, secret[1]),
        base_url="http://127.0.0.1",
    ).get_json()["access_token"]  # fmt: skip
    bearer = {"Authorization": f"Bearer {token}"}
    for query in ("", "?x=%3D1%2B1"):
        assert program.get(ME + query, headers=bearer, buffered=True).status_code == 200

    change = {**typed, "rows": "2000"}
    assert administrator.send(f"{page}/terms", change).status_code == 302
    assert "申请的条件（待批准）" in approver.get(page).text
    assert "变更待批准" in approver.get("/consumers/?q=湖北&sort=-until&state=active").text
    assert approver.send(f"{page}/refuse", {"reason": "不必"}).status_code == 302
    for answer in (
        applicant.send(f"{page}/suspend", {"reason": ""}),
        applicant.send(f"{page}/keys", {"public_keys": "[[["}),
    ):
        assert answer.status_code == 422
    assert applicant.send(f"{page}/suspend", {"reason": "测试"}).status_code == 302
    assert program.get(ME, headers=bearer).status_code == 403
    assert approver.send(f"{page}/resume").status_code == 302
    keys = {"keys": [ECKey.generate_key("P-256", auto_kid=True).as_dict(private=False)]}
    assert applicant.send(f"{page}/keys", {"public_keys": json.dumps(keys)}).status_code == 302
    assert keys["keys"][0]["kid"] in applicant.get(page).text

    log = approver.get(f"{page}/requests?q=shared&outcome=2&sort=-sent").text
    assert log.count(ME) == 2
    raw = approver.get(f"{page}/requests.csv?outcome=2").data
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))
    assert rows[0][:3] == ["时间", "应用", "来自"]
    assert [row[4:7] for row in rows[1:]] == [[ME, "200", "0"], [f"{ME}?x=%3D1%2B1", "200", "0"]]
    assert {row[1] for row in rows[1:]} == {"'=HYPERLINK(1)"}
    assert "没有符合条件" in approver.get(f"{page}/requests?outcome=5").text
    events = Browser(app, "sjy").get("/audit/").text
    assert "批准共享应用" in events

    command = ["consumer", "list", "--dir", str(city.folder.path), "--json"]
    told = json.loads(CliRunner().invoke(hub, command, catch_exceptions=False).output)
    assert [each["state"] for each in told["consumers"]] == ["active"]
    command = [
        "consumer", "suspend", consumer_id, "--dir", str(city.folder.path), "--reason", "到期",
    ]  # fmt: skip
    assert "立即生效" in CliRunner().invoke(hub, command, catch_exceptions=False).output
    command = ["consumer", "roll-key", "--dir", str(city.folder.path), "--forget"]
    assert "已更换" in CliRunner().invoke(hub, command, catch_exceptions=False).output
    assert program.get(ME, headers=bearer).get_json()["code"] == "token_refused"


def test_a_request_that_was_never_answered_says_so(city: City) -> None:
    app = make_desk(city, sqr=Grant(Role.ARCHIVIST), pzr=Grant(Role.ARCHIVIST))
    from hub.sharing.consumers import service as consumers

    applicant, approver = (city.person(Grant(Role.ARCHIVIST)) for _ in range(2))
    with city.database.write() as session:
        made = consumers.apply(applicant, "应用", "单位", terms(), session=session)
        consumers.approve(approver, made.id, session=session)
    asked = quotas.Asked("10.0.0.1", "GET", "/api/v1/shared/records.ndjson")
    quotas.count(city.database, made.id, terms(), asked)
    page = Browser(app, "sqr").get(f"/consumers/{made.id}/requests?outcome=0").text
    assert page.count("没有答完") >= 2


def test_the_description_says_how_consumers_sign_in(city: City) -> None:
    app = make_app(city.folder)
    told = app.test_client().get("/api/v1/openapi.json").get_json()
    scheme = told["components"]["securitySchemes"]["oauth2"]
    assert scheme["flows"]["clientCredentials"]["tokenUrl"] == "/api/v1/oauth/token"
    guarded = {
        (rule.rule, method, access.service)
        for rule in app.url_map.iter_rules()
        for view in [app.view_functions[rule.endpoint]]
        for method in ("get", "post")
        for access in [access_of(getattr(getattr(view, "view_class", None), method, view))]
        if isinstance(access, ConsumerAccess) and method.upper() in rule.methods
    }
    assert (ME, "get", None) in guarded
    for path, method, service in guarded:
        security = told["paths"][path][method]["security"]
        assert {"oauth2": [str(service)] if service else []} in security
