"""Pages 检测规则: the versions of an archive's ruleset, its draft, and letting that count."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.federation.edge import current_folder
from hub.federation.models import Fonds
from hub.federation.rule_models import Ruleset, RulesetDraft
from hub.federation.rules_told import refusals_of
from hub.federation.ruleset_words import (
    changed_items,
    format_names,
    items_of_the_program,
    profile_words,
    schedule_rows,
)
from shared.identity import current_actor, with_roles
from shared.inspection.formats.table import FORMATS
from shared.inspection.profile import (
    FORM_NAMES,
    LEAST_MEDIUM_MB,
    MOST_MEDIUM_MB,
    NOTHING_ASKED,
    RULE_NAMES,
    Profile,
)
from shared.inspection.ruleset import MIRROR_YEARS, MOST_WEIGHT
from shared.inspection.scheme import CLASSIFIED, Mode
from shared.kernel.actor import Actor, Role
from shared.kernel.clock import today
from shared.kernel.errors import Invalid
from shared.records.fonds_schedule import read_rows, schedule_document
from shared.records.retention import retention_name
from shared.records.sheets import open_table
from shared.web import Filter, Form, Listing, accepts_upload, current_database, uploaded

blueprint = Blueprint("rulesets", __name__, url_prefix="/rulesets", template_folder="templates")

MOST_UPLOAD = 8 * 1024 * 1024
_YES_NO = {"yes": "是", "no": "否"}
_FLAGS = {"yes": True, "no": False}


@blueprint.get("/")
@with_roles(Role.ARCHIVIST)
def index() -> ResponseReturnValue:
    """The versions of the archives whose archivist looks, newest first, and what is prepared."""
    actor = current_actor()
    with current_database().read() as session:
        archives = _archives_of(actor, session)
        listing = Listing.from_request(
            request.args,
            sorts={"number": Ruleset.number, "active": Ruleset.active_from},
            default_sort="-number",
            search=(Ruleset.version,),
            filters={"archive": Filter("档案馆", Ruleset.archive_code, archives)}
            if len(archives) > 1
            else {},
        )
        page = listing.apply(
            select(Ruleset).where(Ruleset.archive_code.in_(list(archives))), session=session
        )
        drafts = {
            each.archive_code: each
            for each in session.scalars(
                select(RulesetDraft).where(RulesetDraft.archive_code.in_(list(archives)))
            )
        }
        present = {code: federation.ruleset_in_force(code, session) for code in archives}
        return render_template(
            "rulesets/index.html",
            page=page,
            archives=archives,
            drafts=drafts,
            in_force={each.version for each in present.values() if each is not None},
            present=present,
            today=today(),
        )


@blueprint.get("/<version>")
@with_roles(Role.ARCHIVIST)
def show(version: str) -> ResponseReturnValue:
    """One version: all that it says, who approved it, and since when."""
    with current_database().read() as session:
        row = federation.ruleset_of(version, session)
        name = _name_of(current_actor(), row.archive_code, session)
        said = row.document
        return render_template(
            "rulesets/show.html",
            row=row,
            said=said,
            archive=name,
            items=changed_items(said),
            formats=format_names(said["formats"]),
            profile=profile_words(said),
            schedules=schedule_rows(said["schedules"], session),
            refusals=refusals_of(version, session),
            is_in_force=federation.ruleset_in_force(row.archive_code, session) is row,
            today=today(),
        )


@blueprint.route("/draft/<archive>", methods=["GET", "POST"])
@with_roles(Role.ARCHIVIST)
def draft(archive: str) -> ResponseReturnValue:
    """What the next version would say; let it count from a day on."""
    form = Form(request.form, defaults={"active_from": today()})
    if request.method == "POST":
        with form.catching():
            version = federation.activate_ruleset(
                current_folder(),
                current_actor(),
                archive,
                active_from=_day(form, "active_from"),
                approval=form["approval"],
            )
            flash(f"检测规则 {version} 已盖章，将自动下发到各移交单位。", "success")
            return redirect(url_for(".show", version=version))
    with current_database().read() as session:
        name = _name_of(current_actor(), archive, session)
        said = federation.draft_of(archive, session)
        return form.answer(
            "rulesets/draft.html",
            archive=archive,
            name=name,
            draft=said,
            settings=said.settings,
            items=changed_items(said.settings),
            formats=format_names(said.settings["formats"]),
            profile=profile_words(said.settings),
            schedules=schedule_rows(said.settings["schedules"], session),
        )


@blueprint.post("/draft/<archive>/drop")
@with_roles(Role.ARCHIVIST)
def drop(archive: str) -> ResponseReturnValue:
    """Give up what is prepared."""
    with current_database().write() as session:
        federation.drop_draft(current_actor(), archive, session=session)
    flash("已放弃草稿，现行的检测规则不变。", "success")
    return redirect(url_for(".index"))


def _kept(archive: str, changes: dict[str, Any]) -> ResponseReturnValue:
    with current_database().write() as session:
        federation.change_draft(current_actor(), archive, changes, session=session)
    flash("已存为草稿，启用以后才生效。", "success")
    return redirect(url_for(".draft", archive=archive))


@blueprint.route("/draft/<archive>/items", methods=["GET", "POST"])
@with_roles(Role.ARCHIVIST)
def items(archive: str) -> ResponseReturnValue:
    """How each item of the scheme counts."""
    with current_database().read() as session:
        name = _name_of(current_actor(), archive, session)
        said = federation.draft_of(archive, session).settings
    form = Form(request.form, defaults=_typed(said))
    if request.method == "POST":
        with form.catching():
            changes = {
                "items": _read_items(form),
                "pass_score": form.number("pass_score") or 0,
                "mirror_years": form.number("mirror_years"),
                "note": form.get("note"),
            }
            return _kept(archive, changes)
    return form.answer(
        "rulesets/items.html",
        archive=archive,
        name=name,
        items=items_of_the_program(),
        modes={str(each): each.label for each in Mode},
        yes_no=_YES_NO,
        most_weight=MOST_WEIGHT,
        fixed=CLASSIFIED,
    )


@blueprint.route("/draft/<archive>/formats", methods=["GET", "POST"])
@with_roles(Role.ARCHIVIST)
def formats(archive: str) -> ResponseReturnValue:
    """Which formats the archive takes 长期保存格式."""
    with current_database().read() as session:
        name = _name_of(current_actor(), archive, session)
        taken = federation.draft_of(archive, session).settings["formats"]
    form = Form(
        request.form,
        defaults={
            "own": "1" if taken is not None else "",
            "format": taken if taken is not None else _taken_by_program(),
        },
    )
    if request.method == "POST":
        with form.catching():
            chosen = sorted(set(form.all("format"))) if form.checked("own") else None
            if chosen == []:
                raise Invalid("format", "没有选择格式。", "请至少选择一种格式。")
            return _kept(archive, {"formats": chosen})
    return form.answer(
        "rulesets/formats.html",
        archive=archive,
        name=name,
        formats=sorted(FORMATS.values(), key=lambda each: each.name),
        chosen=set(form.all("format")),
    )


@blueprint.route("/draft/<archive>/profile", methods=["GET", "POST"])
@with_roles(Role.ARCHIVIST)
def profile(archive: str) -> ResponseReturnValue:
    """In which form the archive takes packages, and what its media hold 接收要求."""
    with current_database().read() as session:
        name = _name_of(current_actor(), archive, session)
        said = federation.draft_of(archive, session).settings
    form = Form(request.form, defaults=asdict(Profile.from_wire(said.get("profile"))))
    if request.method == "POST":
        with form.catching():
            chosen = Profile(form["form"], form["rule"], form.number("medium_mb"))
            changes = {"profile": None if chosen == NOTHING_ASKED else asdict(chosen)}
            return _kept(archive, changes)
    return form.answer(
        "rulesets/profile.html",
        archive=archive,
        name=name,
        forms=FORM_NAMES,
        rules=RULE_NAMES,
        least=LEAST_MEDIUM_MB,
        most=MOST_MEDIUM_MB,
    )


@blueprint.route("/draft/<archive>/schedule", methods=["GET", "POST"])
@accepts_upload(MOST_UPLOAD)
@with_roles(Role.ARCHIVIST)
def schedule(archive: str) -> ResponseReturnValue:
    """Import the approved 归档范围与保管期限表 of a fonds from a spreadsheet, row by row."""
    with current_database().read() as session:
        name = _name_of(current_actor(), archive, session)
        fonds = [
            (each.id, f"{each.number or '（未编号）'} {each.name}")
            for each in session.scalars(
                select(Fonds)
                .where(Fonds.receiving_archive == archive)
                .order_by(Fonds.number, Fonds.name)
            )
        ]
    form = Form(request.form, defaults={"fonds": request.args.get("fonds", "")})
    errors: Iterable[Any] = ()
    if request.method == "POST":
        with form.catching():
            if form["fonds"] not in dict(fonds):
                raise Invalid("fonds", "没有选择全宗。", "请选择由本馆接收的全宗。")
            approved_on = _day(form, "approved_on")
            read = _read_upload()
            errors = read.errors
            if errors:
                raise Invalid(
                    "file",
                    f"表里有 {len(read.errors)} 处不对，没有导入。",
                    "请按下面的说明改正后重新选择文件。",
                )
            document = schedule_document(
                form["fonds"], name=form["name"], version=form["version"],
                approved_on=approved_on, approval=form["approval"], items=read.items,
            )  # fmt: skip
            with current_database().write() as session:
                federation.put_schedule(current_actor(), document, session=session)
            flash(f"已导入 {len(read.items)} 条，放入草稿，启用以后才生效。", "success")
            return redirect(url_for(".draft", archive=archive))
    return form.answer(
        "rulesets/schedule.html", archive=archive, name=name, fonds=fonds, errors=list(errors),
        most=MOST_UPLOAD,
    )  # fmt: skip


@blueprint.post("/draft/<archive>/schedule/<fonds_id>/leave-out")
@with_roles(Role.ARCHIVIST)
def leave_out(archive: str, fonds_id: str) -> ResponseReturnValue:
    """Take the table of a fonds out of what is prepared."""
    with current_database().write() as session:
        federation.leave_schedule_out(current_actor(), fonds_id, session=session)
    flash("草稿里已去掉这个全宗的保管期限表。", "success")
    return redirect(url_for(".draft", archive=archive))


@blueprint.get("/schedules/<digest>")
@with_roles(Role.ARCHIVIST)
def rows(digest: str) -> ResponseReturnValue:
    """The rows of a fonds' table."""
    with current_database().read() as session:
        found = federation.schedules_named([digest], session).get(digest)
        if found is None:
            raise federation.no_ruleset()
        fonds = federation.fonds_of(found.fonds_id, session)
        name = _name_of(current_actor(), fonds.receiving_archive or "", session)
        return render_template(
            "rulesets/rows.html",
            row=found,
            said=found.document,
            fonds=fonds,
            archive=name,
            retention=retention_name,
        )


# ---- reading and showing


def _archives_of(actor: Actor, session: Session) -> dict[str, str]:
    """The archives of which the actor is an archivist, by code."""
    return {
        each.code: each.name
        for each in federation.archives(session)
        if actor.may(Role.ARCHIVIST, archive=each.code)
    }


def _name_of(actor: Actor, archive: str, session: Session) -> str:
    """The name of an archive whose archivist the actor is. Raises NotFound."""
    name = _archives_of(actor, session).get(archive)
    if name is None:
        raise federation.no_ruleset()
    return name


def _day(form: Form, name: str) -> date:
    try:
        return date.fromisoformat(form[name])
    except ValueError:
        raise Invalid(name, "日期不正确。", "请选择日期。") from None


def _read_upload() -> Any:
    file = uploaded("file")
    with tempfile.TemporaryDirectory(prefix="danglian-schedule-") as folder:
        path = Path(folder) / "table"
        file.save(path)
        return read_rows(open_table(path, str(file.filename)).rows())


def _typed(settings: Any) -> dict[str, Any]:
    """What the form of the items shows for what a draft says."""
    typed = {
        "pass_score": settings["pass_score"],
        "mirror_years": settings.get("mirror_years", MIRROR_YEARS),
        "note": settings["note"],
    }
    for number, said in settings["items"].items():
        for name, value in said.items():
            shown = value if not isinstance(value, bool) else "yes" if value else "no"
            typed[f"{name}.{number}"] = shown
    return typed


def _read_items(form: Form) -> dict[str, dict[str, Any]]:
    """What was chosen for each item; one that is left as the program has it is not named."""
    found: dict[str, dict[str, Any]] = {}
    for item in items_of_the_program():
        said: dict[str, Any] = {}
        for name in ("mandatory", "veto"):
            if (chosen := form[f"{name}.{item.number}"]) in _FLAGS:
                said[name] = _FLAGS[chosen]
        if mode := form[f"mode.{item.number}"]:
            said["mode"] = mode
        for name in ("weight", "days"):
            if (number := form.number(f"{name}.{item.number}")) is not None:
                said[name] = number
        if said:
            found[item.number] = said
    return found


def _taken_by_program() -> list[str]:
    return [code for code, each in FORMATS.items() if each.accepted]
