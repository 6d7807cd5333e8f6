"""Single sign-on with real identity providers, in a real browser."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hub.signon import provider as client
from shared.demo.services import free_port
from shared.identity import set_grants
from shared.identity.grants import proposed_grants
from shared.kernel.actor import Grant, Role
from tests.hub.signon.conftest import PASSWORD as CITY_PASSWORD
from tests.hub.signon.conftest import SYSTEM, UNIT_CODE, SignOnCity
from tests.servers.providers import PASSWORD, SECRET, Canaille, OidcProvider

pytestmark = pytest.mark.browser

PEOPLE = {"zhangsan": {"name": "张三", "preferred_username": "zhangsan", "unit_code": UNIT_CODE,
                       "duty": ["档案员", "系统管理"]}}  # fmt: skip
LINK = "统一身份认证登录"


@contextmanager
def page_of(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(locale="zh-CN")
    # What the provider's own page would fetch from elsewhere.
    context.route(re.compile(r"googleapis|gstatic"), lambda route: route.abort())
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def test_sign_in_first_grant_logout_everywhere_new_keys_and_outage_with_oidc_provider(
    city: SignOnCity,
    chromium: Browser,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(client, "_KEYS_AGAIN_SECONDS", 0.2)
    monkeypatch.setattr(client, "_SEEN_SECONDS", 0.5)
    port = free_port(43_100)
    hub = city.settle_hub(port)
    provider = OidcProvider(tmp_path, free_port(43_300), hub, PEOPLE)
    city.settle_hub(port, **city.client_of(provider.issuer))
    provider.start()
    city.serve(port)
    try:
        with page_of(chromium) as page:
            _story(city, provider, page, hub)
    finally:
        provider.stop()
    assert SECRET not in caplog.text


def _story(city: SignOnCity, provider: OidcProvider, page: Page, hub: str) -> None:
    # The first time: known at the service, but nobody has granted anything here.
    page.goto(f"{hub}/sign-in")
    page.get_by_role("link", name=LINK).click()
    _at_provider(page)
    expect(page.get_by_text("正在等待安全保密管理员授权")).to_be_visible()
    page.goto(f"{hub}/catalogue/")
    assert "/sign-in" in page.url
    with city.hub.database().write() as session:
        account = city.account("zhangsan", session)
        grants = proposed_grants(account)
        # The duty of an administrator proposes nothing.
        assert [(each.role, each.fonds_id) for each in grants] == [(Role.CLERK, city.unit.fonds_id)]
        set_grants(SYSTEM, account, grants, session=session)

    # Granted: the service still knows who it is.
    page.get_by_role("link", name=LINK).click()
    page.wait_for_url(f"{hub}/catalogue/")
    expect(page.get_by_label("账号菜单：张三")).to_be_visible()

    # On to the node, and with what is granted for its fonds.
    page.goto(f"{city.node_url}/sign-in")
    page.get_by_role("link", name="通过市级平台登录").click()
    page.wait_for_url(f"{city.node_url}/")
    expect(page.get_by_label("账号菜单：张三")).to_be_visible()
    with city.unit.folder.database().read() as session:
        here = city.account("zhangsan", session)
        assert [(each.role, each.fonds_id) for each in here.grants] == [
            ("clerk", city.unit.fonds_id)
        ]

    # Signed out at the service: here by its logout token, at the node at its next question.
    page.goto(f"{provider.issuer}/session/end")
    page.get_by_role("button", name="Yes, sign me out").click()
    page.get_by_text("Sign-out Success").wait_for()
    page.goto(f"{hub}/catalogue/")
    page.wait_for_url("**/sign-in?**")
    assert city.ask() == 1
    page.goto(f"{city.node_url}/")
    page.wait_for_url("**/sign-in?**")

    # The service comes back with new keys: they are looked for once, and nobody notices.
    provider.stop()
    provider.start()
    time.sleep(client._KEYS_AGAIN_SECONDS)
    before = provider.told().count("GET /jwks")
    page.goto(f"{hub}/sign-in")
    page.get_by_role("link", name=LINK).click()
    _at_provider(page)
    page.wait_for_url(re.compile(f"{hub}/(?!sso)"))
    expect(page.get_by_label("账号菜单：张三")).to_be_visible()
    assert provider.told().count("GET /jwks") == before + 1

    # Signing out here leads there, and back.
    _sign_out(page, "张三")
    page.get_by_role("button", name="Yes, sign me out").click()
    page.wait_for_url(f"{hub}/sign-in**")

    # The service is away: said plainly, and name and password are left.
    provider.stop()
    time.sleep(client._SEEN_SECONDS)
    page.get_by_role("link", name=LINK).click()
    expect(page.get_by_text("统一身份认证暂时连接不上")).to_be_visible()
    page.get_by_role("link", name="用本系统的登录名和密码登录").click()
    expect(page.get_by_label("登录名")).to_be_visible()


@pytest.mark.at_length  # its quick sister is the story above
def test_sign_in_first_grant_logout_new_keys_and_outage_with_canaille(
    city: SignOnCity, chromium: Browser, tmp_path: Path
) -> None:
    port = free_port(43_500)
    hub = city.settle_hub(port)
    provider = Canaille(tmp_path, free_port(43_700), hub, "lisi", "李四")
    city.settle_hub(port, **city.client_of(provider.issuer))
    provider.start()
    city.serve(port)
    try:
        with page_of(chromium) as page:
            _story_with_canaille(city, provider, page, hub)
    finally:
        provider.stop()


def _story_with_canaille(city: SignOnCity, provider: Canaille, page: Page, hub: str) -> None:
    page.goto(f"{hub}/sign-in?next=/catalogue/")
    page.get_by_role("link", name=LINK).click()
    _at_canaille(page)
    expect(page.get_by_text("正在等待安全保密管理员授权")).to_be_visible()
    with city.hub.database().write() as session:
        account = city.account("lisi", session)
        assert account.name == "李四"
        set_grants(SYSTEM, account, [Grant(Role.CLERK, None, city.unit.fonds_id)], session=session)
    page.goto(f"{hub}/sign-in?next=/catalogue/")
    page.get_by_role("link", name=LINK).click()
    page.wait_for_url(f"{hub}/catalogue/")

    # Signing out here leads there and back; there it has ended, too.
    _sign_out(page, "李四")
    page.wait_for_url(f"{hub}/sign-in**")

    # With new keys, and no longer known there: it asks for the password again.
    provider.stop()
    provider.start()
    time.sleep(client._KEYS_AGAIN_SECONDS)
    page.get_by_role("link", name=LINK).click()
    _at_canaille(page)
    expect(page.get_by_label("账号菜单：李四")).to_be_visible()

    # Away: who is signed in here stays so, and who is not is told.
    provider.stop()
    page.goto(f"{hub}/catalogue/")
    expect(page.get_by_label("账号菜单：李四")).to_be_visible()
    time.sleep(client._SEEN_SECONDS)
    page.goto(f"{hub}/sso/start")
    expect(page.get_by_text("统一身份认证暂时连接不上")).to_be_visible()


def test_a_security_key_is_the_second_factor_of_an_administrator(
    city: SignOnCity, chromium: Browser
) -> None:
    port = free_port(43_900)
    hub = city.settle_hub(port, factor_for_administrators=True)
    city.add_administrator()
    city.serve(port)
    with page_of(chromium) as page:
        tools = page.context.new_cdp_session(page)
        tools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2", "transport": "usb", "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        _password(page, hub)

        # Nothing else until one is registered.
        expect(page.get_by_text("管理员须先登记一个双因素")).to_be_visible()
        page.goto(f"{hub}/accounts/")
        page.wait_for_url("**/factors/")
        page.get_by_label("起个名字").fill("办公室的密钥")
        page.locator("#key-proof").fill(CITY_PASSWORD)
        page.get_by_role("button", name="登记安全密钥").click()
        expect(page.get_by_role("cell", name="办公室的密钥")).to_be_visible()
        page.get_by_label("生成恢复码").fill(CITY_PASSWORD)
        page.get_by_role("button", name="生成新的恢复码").click()
        code = page.locator(".alert-warning code").first.inner_text()

        _sign_out(page, "Boss")
        page.get_by_text("已退出登录").wait_for()
        _password(page, hub)
        page.get_by_role("button", name="使用安全密钥").click()
        page.wait_for_url(f"{hub}/")

        # The key is lost: a code does, once.
        _sign_out(page, "Boss")
        page.get_by_text("已退出登录").wait_for()
        _password(page, hub)
        page.get_by_label("恢复码").fill("AAAA-AAAA-AAAA")
        page.get_by_role("button", name="继续").click()
        expect(page.get_by_text("双因素验证没有通过")).to_be_visible()
        page.get_by_label("恢复码").fill(code)
        page.get_by_role("button", name="继续").click()
        page.wait_for_url(f"{hub}/")
        expect(page.get_by_text("此后有 1 次登录未成功")).to_be_visible()


def _password(page: Page, hub: str) -> None:
    page.goto(f"{hub}/sign-in")
    page.get_by_label("登录名").fill("boss")
    page.get_by_label("密码").fill(CITY_PASSWORD)
    page.get_by_role("button", name="登录", exact=True).click()


def _at_canaille(page: Page) -> None:
    page.locator("input[name=login]").fill("lisi")
    page.locator("input[name=login]").press("Enter")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")


def _at_provider(page: Page) -> None:
    page.get_by_placeholder("Enter any login").fill("zhangsan")
    page.get_by_placeholder("and password").fill("whatever")
    page.get_by_role("button", name="Sign-in").click()


def _sign_out(page: Page, name: str) -> None:
    page.wait_for_load_state()  # the menu opens by a program, which comes last
    page.get_by_label(f"账号菜单：{name}").click()
    page.get_by_role("button", name="退出登录").click()
