"""The portal's web application: a list to search, and the page of a record. No accounts.

It serves what lies in its own database and asks nobody else. Its network is that of its process.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from jinja2 import ChoiceLoader, FileSystemLoader
from sqlalchemy import false, select
from sqlalchemy.orm import Session
from werkzeug.middleware.proxy_fix import ProxyFix

import shared.web
from hub.portal.models import TEXT, Holding, OpenedRecord, TakenBundle
from hub.portal.places import PortalFolder
from hub.portal.taking import last_taken
from shared.kernel.errors import NotFound
from shared.records.classes import class_name
from shared.records.holdings import HOLDING_NAMES
from shared.records.record import FIELD_NAMES, LEVEL_NAMES
from shared.records.retention import retention_name
from shared.web import Filter, Listing, current_database, filters, problems
from shared.web.app import harden
from shared.web.current import DATABASE

#: Beyond this many a list says "more than".
_COUNT_LIMIT = 10_000
_WEB = Path(shared.web.__file__).parent
_WHY = {"personal_data": "未公布（涉及个人信息）"}
_FIELDS = (
    "title", "code", "doc_no", "author", "date", "year", "class_code", "retention", "level",
    "organ_name", "pages", "holding",
)  # fmt: skip
_NAMES: dict[str, Callable[[Any], Any]] = {
    "class_code": class_name,
    "retention": retention_name,
    "level": lambda value: LEVEL_NAMES.get(value, value),
    "holding": lambda value: HOLDING_NAMES.get(value, value),
}

blueprint = Blueprint("portal", __name__)


def make_app(folder: PortalFolder, *, proxies: int = 0) -> Flask:
    """Make the web application of a portal; `proxies` as for the hub's."""
    app = Flask("shared.web", static_folder=str(_WEB / "static"), static_url_path="/static")
    own = Path(__file__).parent / "templates"
    app.jinja_loader = ChoiceLoader([FileSystemLoader(own), FileSystemLoader(_WEB / "templates")])
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.config.update(MAX_CONTENT_LENGTH=0, SEND_FILE_MAX_AGE_DEFAULT=86_400)
    app.extensions[DATABASE] = folder.database
    filters.register(app)
    problems.register(app)
    app.after_request(harden)
    app.register_blueprint(blueprint)
    app.jinja_env.globals.update(
        ui=app.jinja_env.get_template("ui.html").make_module(), portal_name=folder.settings.name
    )
    if proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies, x_prefix=proxies
        )
    return app


@blueprint.get("/health")
def health() -> ResponseReturnValue:
    """Whether the portal answers."""
    with current_database().read() as session:
        last_taken(session)
    return jsonify(status="ok")


@blueprint.get("/robots.txt")
def robots() -> Response:
    """Lists in all their orders are nothing for machines; the pages of records are."""
    return Response("User-agent: *\nDisallow: /*?\n", mimetype="text/plain")


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """The opened records: search, filters, order, pages."""
    with current_database().read() as session:
        last = last_taken(session)
        archives = _archives(last)
        listing = Listing.from_request(
            request.args,
            sorts={
                "code": OpenedRecord.code,
                "date": OpenedRecord.date,
                "arrived": OpenedRecord.row,
            },
            default_sort="-date",
            search=_containing,
            filters={
                "archive": Filter("档案馆", OpenedRecord.archive, archives),
                "year": Filter("年度", OpenedRecord.year, _years(session)),
            },
        )
        page = listing.apply(select(OpenedRecord), session=session, count_limit=_COUNT_LIMIT)
    return render_template("portal/index.html", page=page, archives=archives, last=last)


def _containing(statement: Any, query: str) -> Any:
    found = Holding(query)
    if found.query is None:
        return statement.where(false())
    return statement.where(OpenedRecord.row.in_(select(TEXT.c.rowid).where(found)))


def _archives(last: TakenBundle | None) -> dict[str, str]:
    return {} if last is None else last.archives


def _years(session: Session) -> list[tuple[int, str]]:
    years = session.scalars(select(OpenedRecord.year).distinct().order_by(OpenedRecord.year.desc()))
    return [(year, f"{year}年") for year in years]


@blueprint.get("/records/<record_id>")
def show(record_id: str) -> ResponseReturnValue:
    """One opened record."""
    with current_database().read() as session:
        record = session.scalar(select(OpenedRecord).where(OpenedRecord.id == record_id))
        archives = _archives(last_taken(session))
    if record is None:
        raise NotFound("没有这件开放档案，或它已不再公布。", "请回到目录重新查找。")
    pairs = [(FIELD_NAMES[name], _shown(record, name)) for name in _FIELDS]
    pairs += [("全宗", record.fonds_name), ("档案馆", archives.get(record.archive, record.archive))]
    return render_template("portal/show.html", record=record, pairs=pairs, archives=archives)


def _shown(record: OpenedRecord, name: str) -> Any:
    if name not in record.body:
        return _WHY.get(record.body["withheld"].get(name, ""), "未公布")
    value = record.body[name]
    return _NAMES[name](value) if name in _NAMES and value is not None else value
