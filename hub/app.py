"""The hub's web application: its pages and its API, put together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from flask import Flask
from sqlalchemy.orm import Session

from hub import audit_names, overview
from hub.catalogue.api import catalogue_api
from hub.catalogue.views import blueprint as catalogue_pages
from hub.correcting import declassifying
from hub.correcting.api import corrections_api
from hub.correcting.views import blueprint as correcting_pages
from hub.custody.api import bundles_api
from hub.custody.views import blueprint as custody_pages
from hub.disposal.unit_list_views import blueprint as unit_list_pages
from hub.disposal.unit_lists import SEEING as UNIT_LIST_READERS
from hub.disposal.views import blueprint as disposal_pages
from hub.exporting import bulk as exports_by_two
from hub.exporting.views import blueprint as exporting_pages
from hub.federation import (
    archive_views,
    fonds_views,
    letter_views,
    node_views,
    ruleset_views,
    transfer_views,
)
from hub.federation import service as federation
from hub.federation.api import federation_api
from hub.federation.edge import FOLDER, HOLDINGS
from hub.federation.places import HubFolder
from hub.federation.requests import requests_blueprint
from hub.health.views import blueprint as health_pages
from hub.parcels import views as parcel_views
from hub.reading_room.views import blueprint as copy_pages
from hub.receiving import gap_views
from hub.receiving import views as receiving_views
from hub.receiving.api import receiving_api, uploads_api
from hub.repository.views import blueprint as fixity_pages
from hub.review import record_views
from hub.review.api import review_api
from hub.review.views import blueprint as review_pages
from hub.sharing.api import sharing_api
from hub.sharing.consumers import api as consumers_api
from hub.sharing.consumers import edge as consumers
from hub.sharing.consumers.tokens import ClientElsewhere, Tokens
from hub.sharing.consumers.views import blueprint as consumer_pages
from hub.sharing.harvesting.views import blueprint as harvesting_endpoint
from hub.sharing.lookup.api import lookup_api
from hub.sharing.lookup.views import blueprint as verification_pages
from hub.sharing.pushing.api import queue_api
from hub.sharing.pushing.views import blueprint as pushing_pages
from hub.sharing.registration.views import blueprint as registration_pages
from hub.sharing.resources.api import resources_api
from hub.sharing.resources.views import blueprint as resource_pages
from hub.sharing.views import blueprint as sharing_pages
from hub.signon import views as sign_on_views
from hub.signon.edge import SIGN_ON, SignOn, sign_on_of
from hub.wiring import holdings, post_by_hand, requests
from shared.audit.watching import thresholds_of
from shared.identity import current_actor, policy_of
from shared.identity.models import BearerToken
from shared.kernel.actor import ADMINISTRATORS, Role
from shared.kernel.hosts import trusted_hosts
from shared.web import NavigationItem
from shared.web import make_app as make_web_app
from shared.web.accounts.ways import Way
from shared.web.audit_log.views import OLDER, OWN_KEY, THRESHOLDS

#: The pages of the gap list and of a record on the desk join their blueprints when imported.
_JOINED = (receiving_views, gap_views, record_views)

#: What is not served where nothing leaves.
_FEEDS = (sharing_api, queue_api, harvesting_endpoint)

_KEEPERS = (Role.REVIEWER, Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR, Role.AUTHORITY)

#: Endpoint, label, icon, and who is offered it.
_HOLDINGS, _SHARING, _UNITS = "馆藏", "共享", "单位和全宗"
NAVIGATION = (
    ("overview.index", "总览", "home"),
    ("catalogue.index", "目录", "list-search"),
    ("review.index", "审核", "checklist", (Role.REVIEWER, Role.AUTHORITY)),
    ("receiving.index", "接收", "archive", (Role.ARCHIVIST,)),
    ("correcting.index", "更正", "edit", (Role.ARCHIVIST,)),
    NavigationItem(
        "fixity.index",
        "馆藏核验",
        "shield-search",
        (Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR),
        menu=_HOLDINGS,
    ),
    NavigationItem(
        "disposal.index",
        "鉴定处置",
        "trash-x",
        (Role.APPRAISER, Role.ARCHIVIST, Role.REVIEWER, Role.LEADER),
        menu=_HOLDINGS,
    ),
    NavigationItem("copies.index", "复制件证明", "certificate", (Role.ARCHIVIST,), menu=_HOLDINGS),
    NavigationItem("exports.index", "导出", "package-export", (Role.ARCHIVIST,), menu=_HOLDINGS),
    NavigationItem("rulesets.index", "检测规则", "list-check", (Role.ARCHIVIST,), menu=_HOLDINGS),
    NavigationItem("sharing.index", "共享范围", "share", (Role.ARCHIVIST,), menu=_SHARING),
    NavigationItem("resources.index", "资源目录", "database-share", menu=_SHARING),
    NavigationItem(
        "consumers.index",
        "共享应用",
        "apps",
        (Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR),
        menu=_SHARING,
    ),
    NavigationItem("nodes.index", "联网单位", "building-community", _KEEPERS, menu=_UNITS),
    NavigationItem("fonds.index", "全宗", "folders", menu=_UNITS),
    NavigationItem("unit_lists.index", "单位销毁清册", "file-x", UNIT_LIST_READERS, menu=_UNITS),
    NavigationItem("archives.index", "档案馆", "building-bank", menu=_UNITS),
    ("health_page.index", "运行情况", "heartbeat", (Role.SYSTEM_ADMINISTRATOR,), True),
    ("accounts.index", "账号", "users", ADMINISTRATORS),
    ("acts.index", "待双人确认", "user-check", (*ADMINISTRATORS, Role.ARCHIVIST, Role.LEADER)),
    ("audit_log.index", "操作日志", "shield-check", (Role.AUDITOR, Role.SECURITY_ADMINISTRATOR)),
)


def make_app(folder: HubFolder, *, proxies: int | None = None, host: str | None = None) -> Flask:
    """Make the web application of the hub in this folder.

    `proxies` says how many trusted reverse proxies stand before the process, when it is another
    number than that of the settings; `host` on which
    address it listens when that is not the one of the settings.
    """
    settings = folder.settings
    sign_on = sign_on_of(settings, folder.address)
    app = make_web_app(
        "hub",
        title=settings.name,
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
            unit_list_pages,
            sharing_pages,
            node_views.blueprint,
            letter_views.blueprint,
            parcel_views.blueprint,
            health_pages,
            fonds_views.blueprint,
            transfer_views.blueprint,
            custody_pages,
            archive_views.blueprint,
            sign_on_views.blueprint,
            ruleset_views.blueprint,
            consumer_pages,
            pushing_pages,
            consumers_api.blueprint,
            consumers_api.oauth_api,
            consumers_api.consumers_api,
            resource_pages,
            verification_pages,
            copy_pages,
            lookup_api,
            registration_pages,
            resources_api,
            federation_api,
            catalogue_api,
            review_api,
            receiving_api,
            corrections_api,
            uploads_api,
            bundles_api,
            *(() if folder.settings.zone == "lan" else _FEEDS),
            requests_blueprint(folder, requests(folder), post_by_hand),
        ),
        navigation=NAVIGATION,
        acts={**exports_by_two.KINDS, **declassifying.KINDS},
        scopes=scopes,
        action_names=audit_names.ACTION_NAMES,
        subject_names=audit_names.subject_names,
        time_lines=audit_names.TIME_LINES,
        policy=policy_of(settings),
        way=_way(sign_on) if sign_on else None,
        menu=(("reference.index", "接口说明"),),
        proxies=settings.proxies if proxies is None else proxies,
        hosts=trusted_hosts(host or settings.host, settings.public_url, settings.hosts),
        encrypted=settings.public_url.startswith("https://"),
    )
    app.extensions[SIGN_ON] = sign_on
    app.extensions[FOLDER] = folder
    app.extensions[OWN_KEY] = folder.keys.hub
    app.extensions[OLDER] = lambda: folder.store
    app.extensions[THRESHOLDS] = thresholds_of(folder.settings)
    app.extensions[HOLDINGS] = holdings
    app.extensions[parcel_views.POST_OFFICE] = post_by_hand
    consumers.begin(app, Tokens(app, folder, _clients_elsewhere(sign_on, folder)))
    return app


def _clients_elsewhere(sign_on: SignOn | None, folder: HubFolder) -> ClientElsewhere | None:
    """Who reads access tokens of the identity service, where these are taken from consumers."""
    audience = folder.settings.sso_api_audience
    if sign_on is None or not audience:
        return None
    return partial(sign_on.provider.client_of, audience=audience)


def _way(sign_on: SignOn) -> Way:
    def farewell(kept: BearerToken) -> str | None:
        if kept.way != "provider":
            return None
        return sign_on.provider.farewell(kept.id_token, sign_on.after)

    return Way(sign_on.provider.settings.label, "sso.start", farewell)


def scopes(session: Session) -> Sequence[tuple[str, str]]:
    """The archives and fonds that a role can be given for, of those that one administers."""
    held = current_actor().archives(*ADMINISTRATORS)

    def within(*codes: str | None) -> bool:
        return held is None or not held.isdisjoint(codes)

    archives = [
        (f"archive:{each.code}", each.name)
        for each in federation.archives(session)
        if within(each.code)
    ]
    fonds = [
        (f"fonds:{each.id}", each.name)
        for each in federation.all_fonds(session)
        if within(each.receiving_archive, each.reviewing_archive)
    ]
    return archives + fonds
