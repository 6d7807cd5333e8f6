"""One small app with a real database, and a browser without a screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, flash, redirect, render_template_string, request, url_for
from flask.testing import FlaskClient
from marshmallow import Schema, fields
from werkzeug.test import TestResponse

from shared.audit import Thresholds
from shared.identity import current_actor, public, with_roles
from shared.kernel.actor import Grant, Role, require
from shared.kernel.database import Database, copy_database
from shared.kernel.errors import Classified, Invalid, NotFound, Unavailable, WrongState
from shared.web import Form, accepts_upload, api_blueprint, current_database, make_app, uploaded
from shared.web.audit_log.views import OLDER, OWN_KEY, THRESHOLDS
from tests.people import employ
from tests.sealing import KEY

PASSWORD = "danglian-2024"
PEOPLE = {
    "boss": [Grant(Role.SYSTEM_ADMINISTRATOR)],
    "security": [Grant(Role.SECURITY_ADMINISTRATOR)],
    "auditor": [Grant(Role.AUDITOR)],
    "clerk": [Grant(Role.CLERK, fonds_id="f1")],
    "new": [Grant(Role.CLERK)],
}
FORM = """{% extends "layout.html" %}{% block content %}{% call ui.form(form) %}
{{ ui.text(form, "title", "题名", required=true) }}{{ ui.textarea(form, "remark", "备注") }}
{{ ui.checkbox(form, "urgent", "加急") }}
{{ ui.select(form, "kind", "种类", {"a": "甲", "b": "乙"}) }}
{% endcall %}{% endblock %}"""


class ThingSchema(Schema):
    title = fields.String(required=True)
    pages = fields.Integer()


def pages() -> Blueprint:
    blueprint = Blueprint("things", __name__, url_prefix="/things")

    @blueprint.get("/")
    @with_roles(Role.CLERK)
    def index() -> str:
        return f"things of {current_actor().name}"

    @blueprint.route("/form", methods=["GET", "POST"])
    def form() -> Any:
        form = Form(request.form, {"kind": "b", "urgent": True})
        if request.method == "POST":
            with form.catching():
                if not form["title"]:
                    raise Invalid("title", "题名不能为空。", "请照文件标题填写。")
                if form["title"] == "state":
                    raise WrongState("已经归档。", "请刷新页面。")
                with current_database().write():
                    flash("已保存。", "success")
                return redirect(url_for(".index"))
        return render_template_string(FORM, form=form), form.status

    @blueprint.route("/upload", methods=["POST"])
    @accepts_upload(20_000_000)
    def upload() -> str:
        return str(len(uploaded("file").read()))

    @blueprint.route("/open-upload", methods=["POST"])
    @public
    @accepts_upload(20_000_000)
    def open_upload() -> str:
        return str(len(uploaded("file").read()))

    @blueprint.get("/error/<name>")
    def error(name: str) -> str:
        if name == "boom":
            raise RuntimeError("a secret path /etc")
        raise {
            "missing": NotFound("没有这件档案。", "请回到目录。"),
            "state": WrongState("已经归档。", "请刷新页面。"),
            "classified": Classified(),
            "away": Unavailable("存储暂时不可用。", "请稍候。"),
        }[name]

    @blueprint.get("/one/<thing>")
    def one(thing: str) -> str:
        missing = NotFound("没有这件档案。", "请回到目录。")
        if thing != "theirs":
            raise missing
        require(current_actor(), Role.CLERK, fonds="f2", missing=missing)
        return "in"

    @blueprint.get("/scope")
    def scope() -> str:
        require(current_actor(), Role.CLERK, fonds="f2")
        return "in"

    @blueprint.get("/open")
    @public
    def open_to_all() -> str:
        return "open"

    return blueprint


def api() -> Any:
    blueprint = api_blueprint("things", "示例")

    @blueprint.route("/", methods=["POST"])
    @blueprint.arguments(ThingSchema)
    @blueprint.response(201, ThingSchema)
    @with_roles(Role.CLERK)
    def create(given: dict[str, Any]) -> dict[str, Any]:
        if given["title"] == "bad":
            raise Invalid("title", "题名不对。", "请改正。", code="bad_title")
        return given

    @blueprint.route("/boom", methods=["GET"])
    @public
    def boom() -> None:
        raise RuntimeError("a secret path /etc")

    return blueprint


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the accounts in it; made once, because hashing takes its time."""
    path = tmp_path_factory.mktemp("people") / "people.sqlite"
    database = Database.in_file(path, ("shared",))
    database.create_schema()
    with database.write() as session:
        for login, grants in PEOPLE.items():
            employ(
                login, login.title(), PASSWORD, grants,
                session=session, must_change=login == "new",
            )  # fmt: skip
    database.close()
    return path


@pytest.fixture
def database(people: Path, tmp_path: Path) -> Iterator[Database]:
    copy_database(people, tmp_path / "test.sqlite")
    database = Database.in_file(tmp_path / "test.sqlite", ("shared",))
    yield database
    database.close()


@pytest.fixture
def app(database: Database, tmp_path: Path) -> Flask:
    return build(database, tmp_path)


def build(database: Database, folder: Path, name: str = "test", **options: Any) -> Flask:
    navigation = [
        ("things.index", "办件", "inbox", (Role.CLERK,)),
        ("accounts.index", "账号", "users", (Role.SYSTEM_ADMINISTRATOR,)),
    ]
    app = make_app(
        name,
        title="某某局",
        database=database,
        data_folder=folder,
        blueprints=[pages(), api()],
        navigation=navigation,
        **options,
    )
    app.extensions |= {OWN_KEY: lambda: KEY, OLDER: dict, THRESHOLDS: Thresholds()}
    return app


def token_in(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found
    return found[1]


class Browser:
    """A test client that sends forms as a browser does, with the token of the page."""

    def __init__(self, client: FlaskClient, prefix: str = "") -> None:
        self.client = client
        self.prefix = prefix

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(self.prefix + path, **options)

    def send(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        token = self.get("/session").get_json()["csrf_token"]
        return self.client.post(
            self.prefix + path, data={**(data or {}), "csrf_token": token}, **options
        )

    def sign_in(self, login: str, password: str = PASSWORD, path: str = "/sign-in") -> TestResponse:
        return self.send(path, {"login": login, "password": password})


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app.test_client())


@pytest.fixture
def signed_in_as(app: Flask) -> Callable[[str], Browser]:
    def sign_in(login: str) -> Browser:
        browser = Browser(app.test_client())
        assert browser.sign_in(login).status_code == 302
        return browser

    return sign_in
