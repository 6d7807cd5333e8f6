"""The stuck states of hand-overs of fonds 全宗交接: whose turn it is, and since when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.custody.models import HandOver
from hub.custody.service import ENDED, is_certain
from hub.federation import service as federation
from shared.kernel.ailment import Ailment
from shared.kernel.clock import local_text, now

#: People may take a week over it; what programs do is done in a day.
_PEOPLE, _PROGRAMS = timedelta(days=7), timedelta(days=1)
_PATIENCE = {
    "asked": _PEOPLE,
    "proposed": _PEOPLE,
    "frozen": _PROGRAMS,
    "given": _PROGRAMS,
    "arrived": _PEOPLE,
    "assigned": _PROGRAMS,
}


def examine(session: Session) -> Iterator[Ailment]:
    """The hand-overs that stand still, each with the side that has to act."""
    for each in session.scalars(
        select(HandOver).where(HandOver.state.not_in(ENDED)).order_by(HandOver.changed_at)
    ):
        if now() - each.changed_at > _PATIENCE[each.state]:
            yield _stuck(each, session)


def _stuck(each: HandOver, session: Session) -> Ailment:
    fonds = federation.fonds_of(each.fonds_id, session).name
    giving = federation.node_of(each.from_node, session).name
    taking = federation.node_of(each.to_node, session).name if each.to_node else ""
    since = local_text(each.changed_at)
    if not is_certain(each, session):
        return Ailment(
            "hand_over_uncertain",
            f"全宗“{fonds}”的交接在平台恢复以后还没有核实，要等“{giving}”和“{taking}”都联系过。",
            "请两个单位联网（danglian node run --dir …）；都联系过以后自动继续。",
        )
    match each.state:
        case "asked":
            return Ailment(
                "hand_over_asked",
                f"“{giving}”于 {since} 申请移出全宗“{fonds}”，还没有答复。",
                f"运行 danglian hub fonds hand-over propose --dir … {each.fonds_id} --to …"
                " --reason …，或 "
                f"danglian hub fonds hand-over call-off --dir … {each.id} --reason …",
            )
        case "proposed":
            return Ailment(
                "hand_over_proposed",
                f"全宗“{fonds}”的交接自 {since} 起等“{giving}”停写。",
                f"请该单位运行 danglian node hand-over freeze --dir … {each.id}；"
                f"取消用 danglian hub fonds hand-over call-off --dir … {each.id} --reason …",
            )
        case "frozen":
            return Ailment(
                "hand_over_frozen",
                f"全宗“{fonds}”的交接自 {since} 起等“{giving}”清点、签字。",
                f"请该单位运行 danglian node hand-over sign --dir … {each.id}；"
                f"清点失败的先运行 danglian node hand-over again --dir … {each.id}",
            )
        case "given":
            return Ailment(
                "hand_over_given",
                f"全宗“{fonds}”的内容自 {since} 起没有从“{giving}”上传完。",
                "请该单位联网（danglian node run --dir …），会从断点接着传；"
                f"取消用 danglian hub fonds hand-over call-off --dir … {each.id} --reason …",
            )
        case "arrived":
            return Ailment(
                "hand_over_arrived",
                f"全宗“{fonds}”的交接自 {since} 起等“{taking}”核对、签字。",
                f"请该单位运行 danglian node hand-over sign --dir … {each.id}；"
                f"核对失败的先运行 danglian node hand-over again --dir … {each.id}",
            )
        case _:
            return Ailment(
                "hand_over_assigned",
                f"全宗“{fonds}”已改由“{taking}”保管，自 {since} 起内容没有并入完。",
                f"请该单位联网；停下的运行 danglian node hand-over again --dir … {each.id}",
            )
