"""The pages of the desk: queue, batch, what was found in it; `record_views` has its records."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import exists, select
from sqlalchemy.orm import Session, undefer

from hub.federation.edge import current_folder
from hub.receiving import service as receiving
from hub.receiving.found_seals import batch_has_seals, has_seals, seals_in
from hub.receiving.packages import is_marked
from hub.receiving.service import (
    OFFER_STATES,
    Batch,
    ItemDecided,
    Offer,
    Outcome,
    has_finding,
)
from hub.review import service as review
from hub.review.models import Decision
from shared.identity import current_actor, with_roles
from shared.inspection.verdict import Verdict
from shared.kernel.actor import Role
from shared.kernel.errors import Invalid
from shared.packaging.inspection_report import report_in
from shared.records.states import HUB_BATCH
from shared.seals import VERDICT_NAMES
from shared.seals import Verdict as SealVerdict
from shared.web import Filter, Listing, current_database, download

blueprint = Blueprint(
    "review",
    __name__,
    url_prefix="/review",
    template_folder="templates",
    static_folder="static",
)

#: The tabs of the queue: name, label, states (all when empty), and what an empty list says.
TABS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("desk", "待审核", ("under_review",), "没有等待审核的移交。单位提交并检验完毕后会出现在这里。"),
    ("coming", "传输和检验中", ("arriving", "checking"), "没有正在传输或检验的移交。"),
    ("signing", "待签字", ("accepted", "corrected", "signed_by_unit"), "没有等待签字的移交。"),
    (
        "done",
        "已办结",
        ("returned", "receiving", "received", "withdrawn"),
        "还没有办结的移交。",
    ),
    ("all", "全部", (), "还没有收到过移交。单位联网并提交第一批后会出现在这里。"),
)
DECISIONS = {"accepted": "通过", "returned": "退回", "none": "未定"}
OUTCOMES = {
    "accepted": "已整批通过，登记表已发给移交单位签字。",
    "returned": "已整批退回，各件的原因已发给移交单位。",
    "corrected": "更正后的登记表已发给移交单位；单位签字后，只接收通过的各件。",
}
_CONCLUSIONS: dict[str, Outcome] = {
    "accepted": "accepted",
    "returned": "returned",
    "corrected": "corrected",
}
_VERDICT_COLOURS = {
    SealVerdict.VALID: "green",
    SealVerdict.VALID_AT_RECEIPT: "green",
    SealVerdict.UNVERIFIABLE: "yellow",
    SealVerdict.ALTERED: "red",
}
_BY_TITLE = {"title": Offer.title}
#: Who comes to the desk at all.
ROLES = (Role.REVIEWER, Role.ARCHIVIST, Role.AUTHORITY)


@blueprint.get("/")
@with_roles(*ROLES)
def index() -> ResponseReturnValue:
    chosen = next((tab for tab in TABS if tab[0] == request.args.get("tab")), TABS[0])
    mine = receiving.batches_seen_by(current_actor())
    with current_database().read() as session:
        listing = Listing.from_request(
            request.args,
            sorts={
                "title": Batch.title,
                "fonds": Batch.fonds_name,
                # Not for third parties: the order would tell how many are left out.
                **({"count": Batch.count, "errors": Batch.errors} if _is_party() else {}),
                "arrived": Batch.arrived_at,
            },
            default_sort="arrived" if chosen[0] in ("desk", "coming") else "-arrived",
            search=(Batch.title, Batch.fonds_name),
            filters={"fonds": Filter("全宗", Batch.fonds_id, _fonds_in(mine, session))},
        )
        rows = mine.where(Batch.state.in_(chosen[2])) if chosen[2] else mine
        page = listing.apply(rows, session=session)
        return render_template(
            "review/index.html",
            page=page,
            numbers=receiving.numbers_of(current_actor(), page.items, session=session),
            is_party=_is_party(),
            tabs=TABS,
            chosen=chosen,
            states=HUB_BATCH.states,
        )


def _is_party() -> bool:
    """Whether the reader is of an archive that reviews or receives, not over it only."""
    return current_actor().has(Role.REVIEWER, Role.ARCHIVIST)


def _fonds_in(mine: Any, session: Session) -> list[tuple[str, str]]:
    found = session.execute(mine.with_only_columns(Batch.fonds_id, Batch.fonds_name).distinct())
    return sorted({row.fonds_id: row.fonds_name for row in found}.items(), key=lambda each: each[1])


@blueprint.get("/<batch_id>")
@with_roles(*ROLES)
def batch(batch_id: str) -> ResponseReturnValue:
    actor = current_actor()
    with current_database().read() as session:
        found = receiving.batch_seen_by(actor, batch_id, session=session)
        offers = receiving.offers_of(found.id, session=session)
        drafts = review.decisions_of(found.id, session=session)
        # What was found names what it was found in: a third party sees none of it, or all.
        in_sight = receiving.is_listed_whole(actor, found, session=session)
        causes = review.causes_of(found.id, session=session) if in_sight else []
        sorts = {"code": Offer.code, "findings": Offer.findings}
        # Neither order nor search may tell of titles that are not shown.
        if sees_titles := not receiving.titles_hidden(actor, offers, session=session):
            sorts["title"] = Offer.title
        listing = Listing.from_request(
            request.args,
            sorts=sorts,
            default_sort="code",
            search=(Offer.title, Offer.code) if sees_titles else (Offer.code,),
            filters={
                "cause": Filter(
                    "检测发现",
                    choices=[(each.code, each.problem) for each in causes],
                    apply=_found,
                ),
                "decision": Filter("决定", choices=DECISIONS, apply=_decided),
            },
            size=50,
        )
        listed = select(Offer).where(Offer.batch_id == found.id, receiving.is_listed(actor))
        page = listing.apply(listed, session=session)
        return render_template(
            "review/batch.html",
            batch=found,
            page=page,
            hidden=receiving.titles_hidden(actor, page.items, session=session),
            masked=receiving.MASKED_TITLE,
            drafts=drafts,
            causes=causes,
            in_sight=in_sight,
            sees_titles=sees_titles,
            counts=_counts(offers, drafts),
            numbers=receiving.numbers_of(actor, [found], session=session)[found.id],
            decisions=DECISIONS,
            states=HUB_BATCH.states,
            offer_states=OFFER_STATES,
            may_decide=may_decide(found),
            inspection=receiving.inspection_of(found, session=session),
            may_decide_items=receiving.may_decide_items(actor, found),
            may_inspect_again=receiving.may_inspect_again(actor, found),
            may_stop_inspecting=receiving.may_stop_inspecting(actor, found),
            beside=receiving.compared(found, session=session),
            runs=receiving.runs_of(found, session=session),
            verdicts={str(each): each.label for each in Verdict},
            has_seals=batch_has_seals(found.id, session=session),
            of_set=receiving.set_findings(found) if in_sight else [],
            untimely=receiving.untimely(found, offers, session=session)
            if found.state == "under_review"
            else "",
        )


@blueprint.get("/<batch_id>/seals")
@with_roles(*ROLES)
def seals(batch_id: str) -> ResponseReturnValue:
    actor = current_actor()
    with current_database().read() as session:
        found = receiving.batch_seen_by(actor, batch_id, session=session)
        offers = receiving.offers_of(found.id, session=session)
        titles = {} if receiving.titles_hidden(actor, offers, session=session) else _BY_TITLE
        listing = Listing.from_request(
            request.args,
            sorts={"code": Offer.code, **titles},
            default_sort="code",
            search=(Offer.code, *titles.values()),
            size=50,
        )
        rows = select(Offer).options(undefer(Offer.report)).where(Offer.batch_id == found.id)
        listed = rows.where(has_seals(), receiving.is_listed(actor))
        page = listing.apply(listed, session=session)
        hidden = receiving.titles_hidden(actor, page.items, session=session)
        return render_template(
            "review/seals.html",
            batch=found,
            page=page,
            hidden=hidden | {each.id for each in page.items if is_marked(each)},
            masked=receiving.MASKED_TITLE,
            seals={each.id: list(seals_in(each)) for each in page.items},
            verdicts=VERDICT_NAMES,
            colours=_VERDICT_COLOURS,
        )


@blueprint.post("/<batch_id>/items")
@with_roles(Role.REVIEWER, Role.ARCHIVIST)
def decide_items(batch_id: str) -> ResponseReturnValue:
    """Decide on one item for persons 人工检测, or that all which wait are good."""
    with current_database().write() as session:
        found = receiving.batch_seen_by(current_actor(), batch_id, session=session)
        if "all" in request.form:
            waiting = receiving.inspection_of(found, session=session).asked
            decided = [ItemDecided(each.item.number, True) for each in waiting if each.waits]
        else:
            passed = request.form.get("outcome") == "passed"
            number = request.form.get("number", "")
            decided = [ItemDecided(number, passed, request.form.get("reason"))]
        receiving.decide_items(current_actor(), found.id, decided, session=session)
    flash("人工检测的决定已记下。", "success")
    return redirect(url_for(".batch", batch_id=batch_id))


@blueprint.post("/<batch_id>/inspect-again")
@with_roles(Role.REVIEWER, Role.ARCHIVIST)
def inspect_again(batch_id: str) -> ResponseReturnValue:
    """Have the whole batch inspected once more."""
    with current_database().write() as session:
        found = receiving.batch_seen_by(current_actor(), batch_id, session=session)
        receiving.inspect_again(current_actor(), found.id, session=session)
    flash("正在重新检测，检测完毕后回到“待审核”；已作的决定保留。", "success")
    return redirect(url_for(".batch", batch_id=batch_id))


@blueprint.post("/<batch_id>/stop-inspecting")
@with_roles(Role.REVIEWER, Role.ARCHIVIST)
def stop_inspecting(batch_id: str) -> ResponseReturnValue:
    """Stop inspecting the batch once more."""
    with current_database().write() as session:
        found = receiving.batch_seen_by(current_actor(), batch_id, session=session)
        receiving.stop_inspecting(current_actor(), found.id, session=session)
    flash("已停止重新检测：没有轮到的各件保留上次的结果。", "success")
    return redirect(url_for(".batch", batch_id=batch_id))


@blueprint.get("/<batch_id>/inspection.<kind>")
@with_roles(*ROLES)
def report(batch_id: str, kind: str) -> ResponseReturnValue:
    """The report of the inspection: on paper, as a spreadsheet, for programs."""
    found = receiving.inspection_report_seen_by(current_folder(), current_actor(), batch_id)
    made, media_type = report_in(kind, found)
    return download(made, f"四性检测报告-{found['batch']['title']}.{kind}", media_type)


def _found(rows: Any, value: str) -> Any:
    return rows.where(has_finding(value))


def _decided(rows: Any, value: str) -> Any:
    drafted = exists().where(Decision.offer_id == Offer.id)
    if value == "none":
        return rows.where(~drafted)
    return rows.where(drafted.where(Decision.outcome == value))


def _counts(offers: list[Offer], drafts: dict[str, Decision]) -> dict[str, int]:
    outcomes = [draft.outcome for draft in drafts.values()]
    undecided_errors = sum(offer.errors > 0 and offer.id not in drafts for offer in offers)
    return {
        "accepted": outcomes.count("accepted"),
        "returned": outcomes.count("returned"),
        "undecided": len(offers) - len(outcomes),
        "undecided_errors": undecided_errors,
        "unsound": sum(not offer.sound for offer in offers),
    }


def may_decide(batch: Batch) -> bool:
    """Whether the reader decides on this batch now."""
    return batch.state == "under_review" and current_actor().may(
        Role.REVIEWER, archive=batch.reviewing_archive, fonds=batch.fonds_id
    )


@blueprint.post("/<batch_id>/causes/<code>/return")
@with_roles(Role.REVIEWER)
def return_cause(batch_id: str, code: str) -> ResponseReturnValue:
    with current_database().write() as session:
        count = review.return_same_cause(current_actor(), batch_id, code, session=session)
    flash(f"已把有同一问题的 {count} 件标为退回。", "success")
    return redirect(url_for(".batch", batch_id=batch_id))


@blueprint.post("/<batch_id>/conclude")
@with_roles(Role.REVIEWER)
def conclude(batch_id: str) -> ResponseReturnValue:
    outcome = _CONCLUSIONS.get(request.form.get("outcome", ""))
    if outcome is None:
        raise Invalid("outcome", "没有选择审核结论。", "请选择整批通过、整批退回或更正登记表。")
    review.conclude(current_folder(), current_actor(), batch_id, outcome)
    flash(OUTCOMES[outcome], "success")
    return redirect(url_for(".batch", batch_id=batch_id))
