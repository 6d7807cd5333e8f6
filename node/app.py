"""The web application of one node, and of a process that serves several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from node import audit_names
from node.clerks.views import blueprint as clerk_pages
from node.corrections.views import blueprint as correction_pages
from node.custody.views import blueprint as custody_pages
from node.filing import (
    arranging_views,
    desk,
    disposal_list_views,
    disposal_views,
    file_views,
    pages,
    paper_views,
    schedule_views,
    views,
    volume_views,
)
from node.intake import file_views as intake_file_views
from node.intake import pages as intake_pages
from node.intake import views as intake_views
from node.office.models import Office
from node.office.places import NodeFolder
from node.office.service import fonds_here
from node.registry.edge import FOLDER
from node.registry.views import blueprint as registry_pages
from node.signon.service import end_at_hub, through_hub
from node.signon.views import blueprint as sign_on_pages
from node.submission.api import submission_api
from node.submission.views import blueprint as submission_pages
from node.sync import parcel_views
from node.sync.views import blueprint as sync_pages
from node.transfer import batch_views as transfer_batch_views
from node.transfer import gap_views as transfer_gap_views
from node.transfer import pages as transfer_pages
from node.transfer import views as transfer_views
from node.whereabouts.light import light_of
from node.whereabouts.views import blueprint as whereabouts_pages
from node.wiring import HANDLERS
from shared.audit.watching import thresholds_of
from shared.identity import policy_of
from shared.kernel.actor import ADMINISTRATORS, Role
from shared.kernel.hosts import trusted_hosts
from shared.web import Light, LightSource, make_app
from shared.web.accounts.ways import Way
from shared.web.audit_log.views import OLDER, OWN_KEY, THRESHOLDS

#: The roles that there are at a node; reviewing and receiving are the archives' work.
ROLES = (Role.CLERK, Role.LEADER, Role.INTEGRATOR, *ADMINISTRATORS)
_BUSINESS = (Role.CLERK, Role.LEADER)
_NAVIGATION = (
    ("desk.home", "工作台", "home", _BUSINESS),
    ("registry.index", "收发文", "mail", _BUSINESS),
    ("filing.index", "归档", "archive", _BUSINESS),
    ("intake.index", "导入", "table-import", (Role.CLERK,)),
    ("transfer.index", "移交", "send", _BUSINESS),
    ("corrections.index", "更正申请", "edit", _BUSINESS),
    ("whereabouts.index", "到哪了", "map-pin", _BUSINESS),
    ("clerks.index", "交接", "user-share", _BUSINESS),
    ("sync.index", "联网", "cloud", (*_BUSINESS, Role.SYSTEM_ADMINISTRATOR)),
    ("accounts.index", "账号", "users", ADMINISTRATORS),
    ("acts.index", "待双人确认", "user-check", ADMINISTRATORS),
    ("audit_log.index", "操作日志", "shield-check", (Role.AUDITOR, Role.SECURITY_ADMINISTRATOR)),
)

# The pages of filing, intake and transfer join their blueprint when these are imported.
_FILING_PAGES = (
    *(views, arranging_views, disposal_views, disposal_list_views),
    *(file_views, paper_views, schedule_views, volume_views),
)
_INTAKE_PAGES = (intake_views, intake_file_views)
_TRANSFER_PAGES = (transfer_views, transfer_batch_views, transfer_gap_views)


def make_node_app(folder: NodeFolder, host: str | None = None) -> Flask:
    """The pages and the API of one node; `host` when it listens elsewhere than its settings say."""
    database = folder.database()

    def title() -> str:
        with database.read() as session:
            office = session.get(Office, 1)
            return office.name if office else folder.settings.name

    def light() -> Light:
        with database.read() as session:
            return light_of(session)

    app = make_app(
        f"node-{folder.settings.slug}",
        title=title,
        database=database,
        data_folder=folder.path,
        blueprints=[
            desk.blueprint,
            registry_pages,
            submission_pages,
            submission_api,
            pages.blueprint,
            intake_pages.blueprint,
            transfer_pages.blueprint,
            custody_pages,
            clerk_pages,
            correction_pages,
            sync_pages,
            parcel_views.blueprint,
            whereabouts_pages,
            sign_on_pages,
        ],
        navigation=_NAVIGATION,
        light=LightSource(light, "whereabouts.index", "whereabouts.light"),
        roles=ROLES,
        scopes=_scopes,
        action_names=audit_names.ACTION_NAMES,
        subject_names=audit_names.subject_names,
        time_lines=audit_names.TIME_LINES,
        policy=policy_of(folder.settings),
        proxies=folder.settings.proxies,
        way=Way(
            "通过市级平台登录",
            "sign_on.start",
            end_there=lambda kept: end_at_hub(folder, kept),
            shown=lambda: through_hub(folder),
        ),
        menu=(("sign_on.pin", "离线密码"),),
        hosts=trusted_hosts(host or folder.settings.host, "", folder.settings.hosts),
    )
    app.extensions[FOLDER] = folder
    app.extensions[OWN_KEY] = folder.keys.device
    app.extensions[OLDER] = lambda: folder.older_log
    app.extensions[THRESHOLDS] = thresholds_of(folder.settings)
    app.extensions[parcel_views.HANDLERS] = HANDLERS
    return app


def _scopes(session: Session) -> Sequence[tuple[str, str]]:
    """The fonds that a role can be limited to (a village account sees its own only)."""
    return [(f"fonds:{each.id}", each.name) for each in fonds_here(session)]


def make_site(apps: Mapping[str, tuple[str, Flask]]) -> Any:
    """One WSGI application for several nodes: a single one at `/`, more under `/slug/`.

    `apps` maps the slug to the office's name and its application.
    """
    if len(apps) == 1:
        return next(iter(apps.values()))[1]
    mounted: dict[str, Any] = {f"/{slug}": app for slug, (_name, app) in apps.items()}
    return DispatcherMiddleware(
        _entrance({slug: name for slug, (name, _) in apps.items()}), mounted
    )


StartResponse = Callable[[str, list[tuple[str, str]]], Any]


def _entrance(names: Mapping[str, str]) -> Any:
    """The page at `/` that leads to each office of this process."""
    links = "".join(
        f'<li><a href="/{escape(slug)}/">{escape(name)}</a></li>' for slug, name in names.items()
    )
    page = (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>档联</title></head><body><h1>请选择单位</h1><ul>{links}</ul></body></html>"
    ).encode()
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(page))),
        ("Content-Security-Policy", "default-src 'none'"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "SAMEORIGIN"),
        ("Referrer-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ]

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") not in ("", "/"):
            start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return ["没有这个页面。\n".encode()]
        start_response("200 OK", headers)
        return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else page]

    return application
