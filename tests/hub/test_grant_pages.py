"""Grants as administrators give them on the page, and what the 档案主管部门 does on its pages."""

from __future__ import annotations

from sqlalchemy import select

from shared.identity import Account
from shared.identity.grants import grants_of
from shared.kernel.actor import Grant, Openness, Role
from tests.hub.conftest import YILING, City
from tests.hub.desk import Browser, make_desk

ARCHIVE = "420506"


def test_a_grant_is_given_with_its_limits_and_the_authority_does_its_two_acts(city: City) -> None:
    with city.database.write() as session:
        fonds_id = city.fonds("夷陵区林业局", YILING, session, number="J020").id
    app = make_desk(
        city,
        admin=Grant(Role.SYSTEM_ADMINISTRATOR),
        security=Grant(Role.SECURITY_ADMINISTRATOR),
        auditor=Grant(Role.AUDITOR),
        zhuguan=Grant(Role.AUTHORITY, ARCHIVE),
    )
    admin, security = Browser(app, "admin"), Browser(app, "security")
    grant = {
        "role": "reader", "scope": f"archive:{ARCHIVE}", "class_code": "WS", "openness": "open",
        "until": "2999-12-31",
    }  # fmt: skip
    account = {"login": "chayue", "name": "查阅室", "password": "danglian-2024-x"}
    wrong = admin.send("/accounts/new", {**account, **grant, "until": "明年"})
    assert wrong.status_code == 422
    assert "截止日期不正确" in wrong.text
    assert admin.send("/accounts/new", {**account, **grant}).status_code == 302
    with city.database.read() as session:
        made = session.scalars(select(Account).where(Account.login == "chayue")).one()
    wanted = Grant(Role.READER, ARCHIVE, None, "WS", Openness.OPEN, "2999-12-31")
    assert grants_of(made) == ()  # what is asked for counts when it is granted
    page = security.get(f"/accounts/{made.id}").text
    assert 'value="2999-12-31"' in page
    assert '<option value="WS" selected' in page
    granted = security.send(f"/accounts/{made.id}", {"name": "查阅室", **grant})
    assert granted.status_code == 302
    with city.database.read() as session:
        assert grants_of(session.get_one(Account, made.id)) == (wanted,)
    said = Browser(app, "auditor").get("/audit/").text
    assert "利用者（夷陵区档案馆，门类 WS，只限开放的，至 2999-12-31）" in said

    page = f"/fonds/{fonds_id}"
    authority = Browser(app, "zhuguan")
    assert f"{page}/schedule" in authority.get(page).text
    assert f"{page}/schedule" not in admin.get(page).text
    approved = {
        "name": "林业局归档范围和保管期限表",
        "version": "2026",
        "approved_on": "2026-01-08",
    }
    assert admin.send(f"{page}/schedule", approved).status_code == 403
    assert authority.send(f"{page}/schedule", approved).status_code == 302
    consent = {"timing": "early", "first_year": "2010", "last_year": "2012", "reason": "机构撤销"}
    refused = authority.send(f"{page}/transfer-consent", {**consent, "first_year": "去年"})
    assert refused.status_code == 422
    assert "机构撤销" in refused.text
    assert authority.send(f"{page}/transfer-consent", consent).status_code == 302
    shown = authority.get(page).text
    assert "林业局归档范围和保管期限表" in shown
    assert "2010至2012" in shown
