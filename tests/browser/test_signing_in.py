"""Getting in, and what is there on the first day."""

import pytest

from tests.browser.conftest import Shot, SignIn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_a_wrong_password_says_so_and_keeps_the_name(sign_in: SignIn, shot: Shot) -> None:
    clerk = sign_in("fenxiang", None)
    clerk.open("/")
    clerk.page.get_by_label("登录名").fill("fenxiang")
    clerk.page.get_by_label("密码").fill("not-this-one")
    with clerk.refused(401):
        clerk.click("登录")
        clerk.sees("登录名或密码")
    assert clerk.page.get_by_label("登录名").input_value() == "fenxiang"
    clerk.page.get_by_label("密码").fill("yichang-2024")
    shot(clerk.page, "sign-in")
    clerk.click("登录")
    clerk.sees("工作台", "孙丽萍")
