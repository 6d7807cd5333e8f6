"""Pages 资源目录: what is published and prepared, the 13 items as a form, versions, files."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.federation.edge import current_folder
from hub.sharing.resources import items, service
from hub.sharing.resources.document import COVERAGES, MOST_RELATED, typed
from hub.sharing.resources.exports import KINDS, category_names, method_names, provider_name
from hub.sharing.resources.models import Resource
from hub.sharing.resources.scheme import load_scheme
from hub.sharing.resources.service import PEOPLE
from shared.identity import current_actor, signed_in, with_roles
from shared.kernel.actor import Role
from shared.kernel.errors import NotFound
from shared.records.states import RESOURCE
from shared.web import Filter, Form, Listing, current_database
from shared.web.downloads import download

blueprint = Blueprint("resources", __name__, url_prefix="/resources", template_folder="templates")

TABS = (
    ("published", "已发布", "还没有发布的信息资源。由档案馆编制，本馆负责人批准后发布。"),
    ("prepared", "编制中", "没有正在编制的信息资源。点“新编资源”开始。"),
    ("withdrawn", "已撤销", "没有撤销的信息资源。"),
)
COLOURS = {"draft": "secondary", "under_review": "yellow", "published": "green", "withdrawn": "red"}
#: What the parts of a description are called, for the list of what a version changed.
ITEM_NAMES = {
    "category": "信息资源分类",
    "name": "信息资源名称",
    "provider": "信息资源提供方",
    "abstract": "信息资源摘要",
    "format": "信息资源格式",
    "items": "信息项信息",
    "coverage": "档案范围",
    "sharing": "共享属性",
    "opening": "开放属性",
    "update_cycle": "更新周期",
    "related": "关联资源代码",
}
_YES_NO = {"yes": "是", "no": "否"}


def _names() -> dict[str, Any]:
    scheme = load_scheme()
    return {
        "scheme": scheme,
        "STATES": RESOURCE.states,
        "COLOURS": COLOURS,
        "ITEM_NAMES": ITEM_NAMES,
        "COVERAGES": COVERAGES,
        "STRUCTURES": items.STRUCTURES,
        "category_names": category_names,
        "provider_name": provider_name,
        "method_names": method_names,
    }


@blueprint.get("/")
@signed_in
def index() -> ResponseReturnValue:
    """The resources, published ones of all archives, others of the reader's own."""
    actor = current_actor()
    wanted = [tab for tab in TABS if tab[0] != "prepared" or actor.has(*PEOPLE)]
    chosen = next((tab for tab in wanted if tab[0] == request.args.get("tab")), wanted[0])
    with current_database().read() as session:
        archives = {each.code: each.name for each in federation.archives(session)}
        listing = Listing.from_request(
            request.args,
            sorts={
                "name": Resource.name,
                "code": Resource.code,
                "changed": Resource.changed_at,
            },
            default_sort="code",
            search=(Resource.name, Resource.code),
            filters={
                "archive": Filter("提供方", Resource.archive_code, archives),
                "sharing": Filter("共享类型", Resource.sharing, load_scheme().sharing_types),
            },
        )
        query = service.resources_seen_by(actor)
        match chosen[0]:
            case "published":
                query = query.where(Resource.number > 0, Resource.withdrawn.is_(None))
            case "withdrawn":
                query = query.where(Resource.withdrawn.is_not(None))
            case _:
                mine = actor.archives(*PEOPLE)
                query = query.where(Resource.state.in_(("draft", "under_review")))
                if mine is not None:
                    query = query.where(Resource.archive_code.in_(sorted(mine)))
        page = listing.apply(query, session=session)
        return render_template(
            "resources/index.html",
            page=page,
            tabs=wanted,
            chosen=chosen[0],
            empty=chosen[2],
            archives=archives,
            archive=listing.filter_value("archive"),
            kinds=KINDS,
            is_keeper=actor.has(*PEOPLE),
            may_begin=actor.has(Role.ARCHIVIST),
            **_names(),
        )


@blueprint.get("/export.<kind>")
@signed_in
def export(kind: str) -> ResponseReturnValue:
    """What is in force, of one archive or of all, as a file."""
    found = KINDS.get(kind)
    if found is None:
        raise NotFound("没有这种格式。", f"可用：{'、'.join(KINDS)}。")
    with current_database().read() as session:
        archive = request.args.get("archive") or None
        catalogue = service.catalogue_of(archive, current_folder().address, session)
    name = f"政务信息资源目录-{catalogue.name}.{found.suffix}"
    return download(found.make(catalogue), name, found.media_type)


@blueprint.get("/by-code/<path:code>")
@signed_in
def by_code(code: str) -> ResponseReturnValue:
    """The address under which DCAT names a resource."""
    with current_database().read() as session:
        found = session.scalar(
            select(Resource.id).where(Resource.code == code, Resource.number > 0)
        )
    if found is None:
        raise NotFound("没有这个代码的信息资源。", "请到资源目录里查找。")
    return redirect(url_for(".show", resource_id=found))


@blueprint.get("/<resource_id>")
@signed_in
def show(resource_id: str) -> ResponseReturnValue:
    """One resource: what is in force, what is prepared, what may be done, every version."""
    actor = current_actor()
    with current_database().read() as session:
        resource = service.resource_seen_by(actor, resource_id, session=session)
        sees = service.sees_drafts(actor, resource)
        draft = resource.draft if sees else None
        return render_template(
            "resources/show.html",
            resource=resource,
            archive=federation.archive_of(resource.archive_code, session).name,
            document=service.published(resource, session),
            draft=draft,
            draft_items=items.chosen(draft["items"]["structure"], draft["items"]["keys"])
            if draft
            else [],
            outdated=_outdated(resource, session) if sees else [],
            versions=service.versions_of(resource.id, session=session),
            may=_may(resource) if sees else set(),
            sees=sees,
            **_names(),
        )


def _outdated(resource: Resource, session: Session) -> list[str]:
    document = service.published(resource, session)
    if document is None:
        return []
    return items.outdated(document["items"]["structure"], document["items"]["items"])


def _may(resource: Resource) -> set[str]:
    """The verbs that the reader may do now."""
    actor, archive = current_actor(), resource.archive_code
    roles = {
        "edit": Role.ARCHIVIST,
        "submit": Role.ARCHIVIST,
        "drop": Role.ARCHIVIST,
        "return": Role.LEADER,
        "approve": Role.LEADER,
        "withdraw": Role.LEADER,
    }
    may = {
        verb
        for verb, role in roles.items()
        if RESOURCE.may(verb, resource.state) and actor.may(role, archive=archive)
    }
    return may - {"approve"} if actor.id in resource.editors else may


@blueprint.get("/<resource_id>/versions/<int:number>")
@signed_in
def version(resource_id: str, number: int) -> ResponseReturnValue:
    """One published version, as it stays."""
    with current_database().read() as session:
        resource = service.resource_seen_by(current_actor(), resource_id, session=session)
        return render_template(
            "resources/version.html",
            resource=resource,
            version=service.version_of(resource.id, number, session=session),
            **_names(),
        )


# ---- editing


@blueprint.route("/new", methods=["GET", "POST"])
@with_roles(Role.ARCHIVIST)
def new() -> ResponseReturnValue:
    """Draft a new resource."""
    with current_database().read() as session:
        archives = _archives_of(session)
    form = Form(
        request.form,
        defaults={
            "archive": next(iter(archives), ""),
            "provider.name": next(iter(archives.values()), ""),
            "category.item": "307",
            "format.kind": "database",
            "format.type": "postgresql",
            "items.structure": "record",
            "coverage": "open",
            "sharing.methods": ["platform_service"],
            "opening.open": "no",
            "update_cycle": "daily",
        },
    )
    if request.method == "POST":
        with form.catching():
            if form["archive"] not in archives:
                raise NotFound("没有这个档案馆，或不由您负责。", "请从列表选择。")
            with current_database().write() as session:
                made = service.begin(
                    current_actor(), form["archive"], _description(form), session=session
                )
                resource_id = made.id
            flash("已存为草稿。核对后请送审，由本馆负责人批准发布。", "success")
            return redirect(url_for(".show", resource_id=resource_id))
    return _form_page(form, archives=archives, resource=None)


@blueprint.route("/<resource_id>/edit", methods=["GET", "POST"])
@with_roles(Role.ARCHIVIST)
def edit(resource_id: str) -> ResponseReturnValue:
    """Change a draft, or begin the next version."""
    with current_database().read() as session:
        resource = service.resource_seen_by(current_actor(), resource_id, session=session)
        if not current_actor().may(Role.ARCHIVIST, archive=resource.archive_code):
            raise NotFound("没有这条信息资源，或不由您编制。", "请回到资源目录重新查看。")
        description = service.description_of(resource, session)
    form = Form(request.form, defaults={**_shown(description), "revision": resource.revision})
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                service.edit(
                    current_actor(), resource_id, _description(form),
                    revision=form.number("revision") or 0, session=session,
                )  # fmt: skip
            flash("已存为草稿；批准以前，已发布的版本不变。", "success")
            return redirect(url_for(".show", resource_id=resource_id))
    return _form_page(form, archives={}, resource=resource)


def _form_page(
    form: Form, *, archives: dict[str, str], resource: Resource | None
) -> ResponseReturnValue:
    scheme = load_scheme()
    return form.answer(
        "resources/form.html",
        archives=archives,
        resource=resource,
        categories=[
            (f"{code}{item}", f"{code}{item} {scheme.classes[code]}：{name}")
            for code, named in scheme.items.items()
            for item, name in named.items()
        ],
        format_types=list(dict.fromkeys(sum(scheme.format_types.values(), ()))),
        structures={each: items.items_of(each).values() for each in items.STRUCTURES},
        chosen=set(form.all("items.keys")),
        methods=set(form.all("sharing.methods")),
        yes_no=_YES_NO,
        most_related=MOST_RELATED,
        **_names(),
    )


@blueprint.post("/<resource_id>/<verb>")
@with_roles(*PEOPLE)
def move(resource_id: str, verb: str) -> ResponseReturnValue:
    """Submit, send back, approve, drop, withdraw."""
    reason = request.form.get("reason", "")
    gone = False
    with current_database().write() as session:
        actor = current_actor()
        match verb:
            case "submit":
                service.submit(actor, resource_id, session=session)
            case "return":
                service.send_back(actor, resource_id, reason, session=session)
            case "approve":
                service.approve(actor, resource_id, session=session)
            case "drop":
                gone = service.drop(actor, resource_id, session=session)
            case "withdraw":
                service.withdraw(actor, resource_id, reason, session=session)
            case _:
                raise NotFound("没有这个操作。", "请刷新后重新办理。")
    flash(f"已{RESOURCE.verb_label(verb)}。", "success")
    return redirect(url_for(".index") if gone else url_for(".show", resource_id=resource_id))


def _archives_of(session: Session) -> dict[str, str]:
    """The archives of which the reader is an archivist, by code."""
    return {
        each.code: each.name
        for each in federation.archives(session)
        if current_actor().may(Role.ARCHIVIST, archive=each.code)
    }


#: The texts of the form, by the path of their item.
_TEXTS = (
    "category.item", "category.subject", "category.subject_name", "category.detail",
    "category.detail_name", "name", "provider.name", "provider.unit", "provider.code", "abstract",
    "format.kind", "format.type", "items.structure", "coverage", "sharing.type",
    "sharing.conditions", "opening.conditions", "update_cycle",
)  # fmt: skip


def _description(form: Form) -> dict[str, Any]:
    """What the form says, in the shape of a description."""
    found: dict[str, Any] = {}
    for path in _TEXTS:
        group, _, name = path.rpartition(".")
        (found.setdefault(group, {}) if group else found)[name] = typed(form[path])
    structure = found["items"]["structure"]
    keys = items.items_of(structure) if structure in items.STRUCTURES else {}
    found["items"]["keys"] = [each for each in form.all("items.keys") if each in keys]
    found["sharing"]["methods"] = form.all("sharing.methods")
    found["opening"]["open"] = form["opening.open"] == "yes"
    found["related"] = form["related"].replace("、", " ").replace("，", " ").split()
    return found


def _shown(description: Any) -> dict[str, Any]:
    """What the form shows for a description."""
    found: dict[str, Any] = {}
    for path in _TEXTS:
        group, _, name = path.rpartition(".")
        found[path] = (description[group] if group else description)[name]
    return {
        **found,
        "items.keys": description["items"]["keys"],
        "sharing.methods": description["sharing"]["methods"],
        "opening.open": "yes" if description["opening"]["open"] else "no",
        "related": " ".join(description["related"]),
    }
