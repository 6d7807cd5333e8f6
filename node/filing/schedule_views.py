"""The page of the retention schedule: what is kept how long, to look up while arranging."""

from __future__ import annotations

from flask import render_template, request

from node.filing import service as filing
from node.filing.pages import NAMES, RETENTIONS, SEEING, blueprint
from shared.identity import current_actor, with_roles
from shared.kernel.errors import NotFound
from shared.records.fonds import Fonds
from shared.records.retention import retention_rank
from shared.records.schedules import RetentionSchedule, ScheduleItem, schedule_for_level
from shared.web import Filter, Listing, Page, current_database


@blueprint.get("/schedule")
@with_roles(*SEEING)
def schedule() -> str:
    """The approved schedule of a fonds by name, and the seed table of its level to look up in."""
    with current_database().read() as session:
        actor = current_actor()
        fonds = {each.id: each for each in filing.fonds_seen(actor, in_part=True, session=session)}
        chosen = _chosen(fonds)
        seed = schedule_for_level(chosen.level)
        return render_template(
            "filing/schedule.html",
            fonds={key: each.name for key, each in fonds.items()},
            chosen=chosen,
            seed=seed,
            page=_lines(seed) if seed else None,
            **NAMES,
        )


def _chosen(fonds: dict[str, Fonds]) -> Fonds:
    """The fonds that the request names, or the first. Raises NotFound."""
    found = fonds.get(request.args.get("fonds") or next(iter(fonds), ""))
    if found is None:
        raise NotFound("没有这个全宗，或您无权查看。", "请回到归档页面。")
    return found


def _lines(seed: RetentionSchedule) -> Page[ScheduleItem]:
    sections = dict.fromkeys(each.section for each in seed.items)
    used = sorted({each.retention for each in seed.items}, key=retention_rank)
    return Listing.from_request(
        request.args,
        sorts={
            "place": None,
            "scope": lambda item: item.scope,
            "retention": lambda item: retention_rank(item.retention),
        },
        default_sort="place",
        search=(lambda item: item.number, lambda item: item.scope, lambda item: item.section),
        filters={
            "section": Filter(
                "类别",
                choices=[(each, each) for each in sections],
                apply=lambda items, value: [each for each in items if each.section == value],
            ),
            "retention": Filter(
                "期限",
                choices=[(each, RETENTIONS[each]) for each in used],
                apply=lambda items, value: [
                    each for each in items if value in (each.retention, *each.alternatives)
                ],
            ),
        },
        size=50,
    ).apply_to(seed.items)
