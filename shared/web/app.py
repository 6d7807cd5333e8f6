"""Putting an app together: `make_app`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flask import Blueprint as PageBlueprint
from flask import Flask, Response, current_app, g, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint as ApiBlueprint
from flask_wtf.csrf import CSRFProtect, generate_csrf
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.middleware.proxy_fix import ProxyFix

from shared.identity import POLICY, Policy, access_of, current_actor_or_none, public
from shared.identity.acts import ACCOUNT_ACTS, Kinds
from shared.identity.current import LOADER
from shared.identity.factor_key import factor_key
from shared.kernel.actor import Role
from shared.kernel.database import Database
from shared.kernel.errors import NotAllowed
from shared.kernel.hosts import check_host, is_loopback
from shared.web import accountable, filters, problems
from shared.web.accounts import door_views, factor_views, session_views, system_views
from shared.web.accounts.api import accounts_api
from shared.web.accounts.views import blueprint as accounts_pages
from shared.web.accounts.ways import FACTOR_KEY, POLICY_NAME, WAY_NAME, Way
from shared.web.acts.views import KINDS
from shared.web.acts.views import blueprint as acts_pages
from shared.web.api import DanglianApi, make_api
from shared.web.audit_log.names import ACTION_NAMES, NO_TIME_LINES, SubjectNames, TimeLines
from shared.web.audit_log.views import TIME_LINES
from shared.web.audit_log.views import blueprint as audit_pages
from shared.web.current import DATABASE, current_database
from shared.web.forms import upload_limit_of
from shared.web.frame import PRODUCT, FrameMaker, LightSource, Menu
from shared.web.jobs.views import blueprint as job_pages
from shared.web.links import is_api
from shared.web.polling import polled
from shared.web.reference.views import API
from shared.web.reference.views import blueprint as reference_pages
from shared.web.sessions import PrefixedSessions, Sessions, cookie_name, session_secret
from shared.web.throttle import COUNTS, TRIES, Allowance, Counts, Throttle, Tries

_HERE = Path(__file__).parent
_MOST_BYTES = 8 * 1024 * 1024
_MOST_PARTS = 20_000
#: Browsers that came by https once do not come without it for a year (RFC 6797); below it neither.
_HSTS = "max-age=31536000; includeSubDomains"
#: The pages of accounts join their blueprint when these are imported.
_ACCOUNTS_PAGES = (door_views, factor_views, session_views, system_views)
#: Pages that somebody with a first password, or without the second factor asked of them, may see.
_WITH_FIRST_PASSWORD = frozenset({"accounts.password", "accounts.strength", "accounts.sign_out"})
_WITHOUT_FACTOR = frozenset(
    {
        "accounts.sign_out", "accounts.factors", "accounts.add_app", "accounts.key_options",
        "accounts.add_key", "accounts.recovery_codes",
    }
)  # fmt: skip
_CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "media-src 'self'",
        "frame-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
        "base-uri 'none'",
    )
)

#: The archives and fonds that a role can be given for: pairs of value and label, the value
#: `archive:<code>` or `fonds:<id>`.
Scopes = Callable[[Session], Sequence[tuple[str, str]]]


def make_app(
    name: str,
    *,
    title: str | Callable[[], str],
    database: Database,
    data_folder: Path,
    blueprints: Iterable[Any] = (),
    navigation: Iterable[tuple[Any, ...]] = (),
    light: LightSource | None = None,
    roles: Sequence[Role] = tuple(Role),
    scopes: Scopes | None = None,
    action_names: Mapping[str, str] | None = None,
    subject_names: SubjectNames | None = None,
    time_lines: TimeLines = NO_TIME_LINES,
    policy: Policy = POLICY,
    way: Way | None = None,
    menu: Sequence[tuple[str, str]] = (),
    acts: Kinds | None = None,
    proxies: int = 0,
    hosts: Sequence[str] | None = None,
    encrypted: bool = False,
) -> Flask:
    """Make the web application of a hub or of one node.

    Args:
        name: a short name for programs, like `hub` or `node-1102`.
        title: the name of the office or archives, shown on every page; or a function for it.
        database: where this app's data are; its schema is made already.
        data_folder: the secret of the sessions is kept in its `keys/`.
        blueprints: of pages (Flask) and of the API (`api_blueprint`).
        navigation: entries (endpoint, label, icon, roles), see `NavigationItem`.
        light: a light in the header of every page, for who is signed in.
        roles: which roles the page of accounts offers.
        scopes: which archives and fonds it offers.
        action_names: what the capabilities' audit events are called on the page of the log.
        subject_names: what the things are called that these events are about.
        time_lines: how all that happened to one of them is found.
        policy: what is asked of passwords and sign-ins.
        way: another way to sign in than name and password.
        menu: more entries of the menu of one's own account: endpoint and label.
        acts: the dangerous acts that two people do together here, besides those on accounts.
        proxies: how many trusted reverse proxies stand before this process.
        hosts: under which host names it answers (`trusted_hosts`); None for whatever comes.
        encrypted: whether browsers reach it by https alone, whoever ends the encryption.
    """
    app = Flask(
        "shared.web",
        template_folder=str(_HERE / "templates"),
        static_folder=str(_HERE / "static"),
        static_url_path="/static",
    )
    secret = session_secret(data_folder)
    app.config.update(
        SECRET_KEY=secret,
        SESSION_COOKIE_NAME=cookie_name(name, secret),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=encrypted,
        MAX_CONTENT_LENGTH=_MOST_BYTES,
        MAX_FORM_MEMORY_SIZE=_MOST_BYTES,
        MAX_FORM_PARTS=_MOST_PARTS,
        SEND_FILE_MAX_AGE_DEFAULT=86_400,
        WTF_CSRF_CHECK_DEFAULT=False,  # the gate asks, after it has seen who acts
        WTF_CSRF_TIME_LIMIT=None,  # a token lives as long as its session
        DANGLIAN_ROLES=tuple(roles),
    )
    app.debug = False  # whatever FLASK_DEBUG says: errors are answered, and tell nothing
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.session_interface = PrefixedSessions()
    sessions = Sessions(database, policy)
    counts = Counts(data_folder)
    app.extensions.update(
        {
            DATABASE: database,
            "danglian.sessions": sessions,
            COUNTS: counts,
            "danglian.throttle": Throttle(counts),
            "danglian.allowance": Allowance(counts),
            TRIES: Tries(counts),
            "danglian.hosts": hosts,
            POLICY_NAME: policy,
            WAY_NAME: way,
            FACTOR_KEY: factor_key(data_folder),
            KINDS: {**ACCOUNT_ACTS, **(acts or {})},
            "danglian.scopes": scopes or (lambda session: ()),
            "danglian.action_names": {**ACTION_NAMES, **(action_names or {})},
            "danglian.subject_names": subject_names or (lambda session, subjects: {}),
            TIME_LINES: time_lines,
            LOADER: sessions.load_actor,
        }
    )
    filters.register(app)
    problems.register(app)
    csrf = CSRFProtect(app)
    accountable.register(app)
    app.before_request(lambda: _gate(csrf))
    # The last registered is the first to be done: an answer is written down before it is attached.
    app.after_request(_attach)
    app.after_request(_account)
    app.after_request(harden)
    app.after_request(_lead_htmx)
    app.url_defaults(_version_static)

    app.add_url_rule("/health", "health", _health)
    app.add_url_rule("/session", "session_state", _session_state)
    for each in (accounts_pages, acts_pages, job_pages, audit_pages, reference_pages):
        app.register_blueprint(each)
    api = make_api(app, PRODUCT)
    app.extensions[API] = api
    _join(app, api, (accounts_api, *blueprints))
    frame = FrameMaker(title, navigation, light)
    frame.check(app)
    app.extensions["danglian.frame"] = frame
    if not any(rule.rule == "/" for rule in app.url_map.iter_rules()):
        app.add_url_rule("/", "home", _home)
    app.jinja_env.globals.update(
        frame=frame,
        ui=app.jinja_env.get_template("ui.html").make_module(),
        product=PRODUCT,
        account_menu=tuple(menu),
        policy=policy,
        password_hint=_password_hint(policy),
    )
    if proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies, x_prefix=proxies
        )
    return app


def _password_hint(policy: Policy) -> str:
    """What is asked of a password, for the forms that take a new one."""
    kinds = (
        f"，含小写字母、大写字母、数字、其他字符中的 {policy.password_kinds} 种"
        if policy.password_kinds > 1
        else ""
    )
    return f"至少 {policy.password_length} 个字符{kinds}，不能与登录名相同。"


def _join(app: Flask, api: DanglianApi, blueprints: Iterable[Any]) -> None:
    for each in blueprints:
        if isinstance(each, ApiBlueprint):
            api.register_blueprint(each)
        elif isinstance(each, PageBlueprint):
            app.register_blueprint(each)
        else:
            raise TypeError(f"not a blueprint: {each!r}")


def _gate(csrf: CSRFProtect) -> ResponseReturnValue | None:
    """What holds for every request, before anything of its body is read."""
    # Programs bring no cookie that a wrong name could be after, and ask by whatever address works.
    if not is_api() and request.endpoint != "health":
        check_host(request.host, current_app.extensions["danglian.hosts"])
    if request.endpoint != "static":
        _count_request()
    view = _view()
    if view is None:
        return None
    if (limit := upload_limit_of(view)) is not None:
        request.max_content_length = limit
    access_of(view).check()
    if not is_api():
        if g.get("danglian_must_change") and not _open_to(view, _WITH_FIRST_PASSWORD):
            return redirect(url_for("accounts.password"))
        waits = g.get("danglian_must_enrol") and not g.get("danglian_must_change")
        if waits and not _open_to(view, _WITHOUT_FACTOR):
            return redirect(url_for("accounts.factors"))
        csrf.protect()
        actor = None if access_of(view).public else current_actor_or_none()
        if actor is not None and actor.is_system_elsewhere:
            raise NotAllowed("系统对接的账号只用于接口。", "请用本人的账号登录网页。")
    elif g.get("danglian_must_enrol") and not access_of(view).public:
        raise NotAllowed(
            "管理员须先登记双因素。", "请先在网页上登录并登记。", code="second_factor_needed"
        )
    return None


def _count_request() -> None:
    """Hold an account and an address to what they may ask in a minute. Raises TooManyRequests."""
    allowance: Allowance = current_app.extensions["danglian.allowance"]
    policy: Policy = current_app.extensions[POLICY_NAME]
    address = request.remote_addr or ""
    # Where a proxy is not said to be there, this machine's address stands for everybody's.
    if not is_loopback(address):
        allowance.take(f"address {address}", policy.address_requests_per_minute)
    if (actor := current_actor_or_none()) is not None:
        allowance.take(f"account {actor.id}", policy.requests_per_minute)
        if not is_api() and request.method not in accountable.SAFE and not _is_asking():
            allowance.take(f"changes {actor.id}", policy.changes_per_minute)


def _is_asking() -> bool:
    """Whether a form only asks, and changes nothing: it comes while somebody types."""
    return request.endpoint == "accounts.strength"


def _view() -> Any:
    """The function that will answer; None where there is nothing to ask for."""
    endpoint = request.endpoint
    if endpoint is None or endpoint == "static" or endpoint.endswith((".static", ".openapi_json")):
        return None
    view = current_app.view_functions[endpoint]
    view_class = getattr(view, "view_class", None)
    return getattr(view_class, request.method.lower(), view) if view_class else view


def _open_to(view: Any, pages: frozenset[str]) -> bool:
    return request.endpoint in pages or access_of(view).public


def _account(response: Response) -> Response:
    """What cannot be written down does not go out."""
    error = accountable.disclosed(response)
    if error is None:
        return response
    response.close()
    return problems.answer_to(error)


def _attach(response: Response) -> Response:
    """Let no browser show what the API answers: programs read it, whatever it is called."""
    if is_api():
        response.headers.setdefault("Content-Disposition", 'attachment; filename="api.json"')
    return response


def harden(response: Response) -> Response:
    """Give an answer the headers that every answer has, the policy for its content first."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _CSP)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "SAMEORIGIN")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if request.is_secure or current_app.config["SESSION_COOKIE_SECURE"]:
        headers.setdefault("Strict-Transport-Security", _HSTS)
    if request.endpoint != "static":
        headers["Cache-Control"] = "private, no-store"
    return response


def _lead_htmx(response: Response) -> Response:
    """Let the browser itself go where an action leads that htmx has sent (a dialog)."""
    if "HX-Request" in request.headers and request.method == "POST" and response.location:
        response.headers["HX-Redirect"] = response.headers.pop("Location")
        response.status_code = 204
        response.set_data(b"")
    return response


def _version_static(endpoint: str, values: dict[str, Any]) -> None:
    """Let a changed file have a new address, so that browsers may keep the old one."""
    if endpoint == "static" and "filename" in values and "v" not in values:
        file = _HERE / "static" / values["filename"]
        if file.is_file():
            values["v"] = int(file.stat().st_mtime)


@public
def _health() -> ResponseReturnValue:
    with current_database().read() as session:
        session.execute(text("SELECT 1"))
    return jsonify(status="ok")


@public
@polled
def _session_state() -> ResponseReturnValue:
    """Who is signed in now: a page asks before it sends what somebody typed for a long time."""
    actor = current_actor_or_none()
    return jsonify(account=actor.id if actor else "", csrf_token=generate_csrf())


def _home() -> ResponseReturnValue:
    """To the first place of the navigation, which may be within a menu."""
    places = current_app.extensions["danglian.frame"]().navigation
    first = places[0] if places else None
    first = first.entries[0] if isinstance(first, Menu) else first
    return redirect(url_for(first.endpoint if first else "accounts.password"))
