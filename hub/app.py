"""The hub's web application: its pages and its API, put together."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask
from sqlalchemy.orm import Session

from hub import audit_names, overview
from hub.catalogue.api import catalogue_api
from hub.catalogue.views import blueprint as catalogue_pages
from hub.correcting.api import corrections_api
from hub.correcting.views import blueprint as correcting_pages
from hub.custody.api import bundles_api
from hub.custody.views import blueprint as custody_pages
from hub.disposal.views import blueprint as disposal_pages
from hub.exporting.views import blueprint as exporting_pages
from hub.federation import archive_views, fonds_views, letter_views, node_views, ruleset_views
from hub.federation import service as federation
from hub.federation.api import federation_api
from hub.federation.edge import FOLDER, HOLDINGS
from hub.federation.places import HubFolder
from hub.federation.requests import requests_blueprint
from hub.health.views import blueprint as health_pages
from hub.parcels import views as parcel_views
from hub.receiving import gap_views
from hub.receiving import views as receiving_views
from hub.receiving.api import receiving_api, uploads_api
from hub.repository.views import blueprint as fixity_pages
from hub.review.api import review_api
from hub.review.views import blueprint as review_pages
from hub.signon import views as sign_on_views
from hub.signon.edge import SIGN_ON, SignOn, sign_on_of
from hub.wiring import holdings, post_by_hand, requests
from shared.identity import policy_of
from shared.identity.models import BearerToken
from shared.kernel.actor import Role
from shared.web import make_app as make_web_app
from shared.web.accounts.ways import Way
from shared.web.audit_log.views import OWN_KEY

#: The page of the gap list joins the blueprint of receiving when it is imported.
_RECEIVING_PAGES = (receiving_views, gap_views)

_KEEPERS = (Role.REVIEWER, Role.ARCHIVIST, Role.ADMINISTRATOR, Role.AUTHORITY)

#: Endpoint, label, icon, and who is offered it.
NAVIGATION = (
    ("overview.index", "总览", "home"),
    ("catalogue.index", "目录", "list-search"),
    ("review.index", "审核", "checklist", (Role.REVIEWER, Role.AUTHORITY)),
    ("receiving.index", "接收", "archive", (Role.ARCHIVIST,)),
    ("correcting.index", "更正", "edit", (Role.ARCHIVIST,)),
    ("fixity.index", "馆藏核验", "shield-search", (Role.ARCHIVIST, Role.ADMINISTRATOR)),
    (
        "disposal.index",
        "鉴定处置",
        "trash-x",
        (Role.APPRAISER, Role.ARCHIVIST, Role.REVIEWER, Role.LEADER),
    ),
    ("rulesets.index", "检测规则", "list-check", (Role.ARCHIVIST,)),
    ("exports.index", "导出", "package-export", (Role.ARCHIVIST,)),
    ("nodes.index", "联网单位", "building-community", _KEEPERS),
    ("health_page.index", "运行情况", "heartbeat", (Role.ADMINISTRATOR,), True),
    ("fonds.index", "全宗", "folders"),
    ("archives.index", "档案馆", "building-bank"),
    ("accounts.index", "账号", "users", (Role.ADMINISTRATOR,), True),
    ("audit_log.index", "操作日志", "shield-check", (Role.ADMINISTRATOR,), True),
)


def make_app(folder: HubFolder, *, proxies: int = 0) -> Flask:
    """Make the web application of the hub in this folder.

    `proxies` says how many trusted reverse proxies stand before the process.
    """
    sign_on = sign_on_of(folder.settings, folder.address)
    app = make_web_app(
        "hub",
        title=folder.settings.name,
        database=folder.database(),
        data_folder=folder.path,
        blueprints=(
            overview.blueprint,
            catalogue_pages,
            review_pages,
            receiving_views.blueprint,
            correcting_pages,
            fixity_pages,
            exporting_pages,
            disposal_pages,
            node_views.blueprint,
            letter_views.blueprint,
            parcel_views.blueprint,
            health_pages,
            fonds_views.blueprint,
            custody_pages,
            archive_views.blueprint,
            sign_on_views.blueprint,
            ruleset_views.blueprint,
            federation_api,
            catalogue_api,
            review_api,
            receiving_api,
            corrections_api,
            uploads_api,
            bundles_api,
            requests_blueprint(folder, requests(folder), post_by_hand),
        ),
        navigation=NAVIGATION,
        scopes=scopes,
        action_names=audit_names.ACTION_NAMES,
        subject_names=audit_names.subject_names,
        policy=policy_of(folder.settings),
        way=_way(sign_on) if sign_on else None,
        proxies=proxies,
    )
    app.extensions[SIGN_ON] = sign_on
    app.extensions[FOLDER] = folder
    app.extensions[OWN_KEY] = folder.keys.hub
    app.extensions[HOLDINGS] = holdings
    app.extensions[parcel_views.POST_OFFICE] = post_by_hand
    return app


def _way(sign_on: SignOn) -> Way:
    def farewell(kept: BearerToken) -> str | None:
        if kept.way != "provider":
            return None
        return sign_on.provider.farewell(kept.id_token, sign_on.after)

    return Way(sign_on.provider.settings.label, "sso.start", farewell)


def scopes(session: Session) -> Sequence[tuple[str, str]]:
    """The archives and fonds that a role can be given for."""
    archives = [(f"archive:{each.code}", each.name) for each in federation.archives(session)]
    fonds = [(f"fonds:{each.id}", each.name) for each in federation.all_fonds(session)]
    return archives + fonds
