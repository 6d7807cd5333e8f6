"""The administrator of the hub: offices come in, are suspended, and everything is on record."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.city import PASSWORD, City
from tests.browser.conftest import Shot, SignIn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

OFFICE = "宜昌市民政局档案室"
FONDS = "宜昌市民政局"


def test_an_office_is_added_enrolled_suspended_and_resumed(
    city: City, sign_in: SignIn, shot: Shot, tmp_path: Path
) -> None:
    admin = sign_in("hub", "admin")
    admin.open("/fonds/")
    admin.click("登记全宗")
    admin.fill(name=FONDS, number="0112")
    admin.page.locator("#field-division").select_option("420500000000")
    admin.click("登记")
    admin.sees(FONDS, "0112", "宜昌市档案馆", "尚未指定")

    admin.open("/nodes/")
    admin.sees("分乡镇综合档案室", "已联网")
    shot(admin.page, "nodes")
    admin.click("添加单位")
    admin.fill(name=OFFICE)
    admin.page.locator("#field-division").select_option("420500000000")
    admin.page.get_by_label(f"{FONDS}（0112）").check()
    admin.click("添加并生成登记码")
    admin.sees("登记码只显示这一次", city.hub_url)
    shot(admin.page, "code")
    code = admin.page.locator("dl.details > div", has_text="登记码").locator("dd").inner_text()
    admin.goes("已记下，完成")
    admin.sees(OFFICE, "等待该单位登记")

    city.run(
        *("node", "init", "--dir", tmp_path / "minzheng", "--name", OFFICE),
        *("--hub", city.hub_url, "--code", code, "--admin-password", PASSWORD),
    )
    admin.page.reload()
    admin.sees("已联网", FONDS)
    admin.click("停用")
    admin.page.locator("dialog[open]").get_by_label("停用原因").fill("电脑送修")
    admin.goes("停用")
    admin.sees("已停用“", "它已有的内容不受影响")
    admin.click("恢复使用")
    admin.sees("已恢复“")

    auditor = sign_in("hub", "auditor")
    auditor.open("/audit/")
    auditor.sees("系统管理员", "添加联网单位", "停用联网单位")
    shot(auditor.page, "audit")
    auditor.click("校验完整性")
    auditor.sees("首尾衔接，未发现改动或缺失")


def test_a_new_reviewer_gets_an_account_and_a_password_of_her_own(sign_in: SignIn) -> None:
    admin = sign_in("hub", "admin")
    admin.open("/accounts/")
    admin.sees("李文静", "档案审核员")
    admin.click("新建账号")
    admin.fill(login="shenhe2", name="郑小雨", password="first-password")
    admin.page.get_by_label("第 1 行：角色").select_option(label="档案审核员")
    admin.page.get_by_label("第 1 行：范围").select_option(label="夷陵区档案馆")
    admin.click("建立账号")
    admin.sees("账号已建立", "郑小雨", "待授权")
    security = sign_in("hub", "security")
    security.open("/accounts/")
    security.click("shenhe2")
    security.sees("正在等待安全保密管理员授权")
    security.click("授权")
    security.sees("账号已保存")

    reviewer = sign_in("hub", None)
    reviewer.open("/")
    reviewer.page.get_by_label("登录名").fill("shenhe2")
    reviewer.page.get_by_label("密码").fill("first-password")
    reviewer.click("登录")
    reviewer.sees("这是初始密码")
    reviewer.fill(old_password="first-password", password="own-word-2024", again="own-word-2024")
    reviewer.goes("修改密码")
    reviewer.open("/review/")
    reviewer.sees("待审核")
    with reviewer.refused(403):
        reviewer.open("/accounts/")
        reviewer.sees("权限")

    admin.open("/accounts/")
    admin.click("shenhe2")
    admin.click("停用")
    admin.goes("停用")
    admin.sees("账号已停用，其登录已失效")
    admin.click("删除账号")
    admin.page.locator("dialog[open]").get_by_label("原因").fill("调离")
    admin.goes("删除账号")
    admin.sees("已提交", "待确认")
    security.open("/acts/")
    security.click("确认办理")
    security.goes("确认办理")
    security.sees("已确认并办理")
    reviewer.open("/review/")
    reviewer.sees("登录名")


def test_an_office_manages_its_own_accounts(sign_in: SignIn) -> None:
    admin = sign_in("fenxiang", "admin")
    admin.open("/")
    with admin.page.expect_navigation():
        admin.page.get_by_label("主导航").get_by_role("link", name="账号").click()
    admin.sees("孙丽萍", "何光明", "田秀英")
    admin.click("新建账号")
    offered = admin.page.get_by_label("第 1 行：范围").locator("option").all_inner_texts()
    assert "分乡镇普溪河村村民委员会" in offered
    auditor = sign_in("fenxiang", "auditor")
    auditor.open("/")
    with auditor.page.expect_navigation():
        auditor.page.get_by_label("主导航").get_by_role("link", name="操作日志").click()
    auditor.sees("登录")
