"""One light for the whole node: can this PC be switched off at five o'clock?

Switching off never loses anything; the light says whether somebody still waits for this PC. It is
read for every page, so it asks one small statement beside two single rows.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.custody import service as custody
from node.filing import service as filing
from node.office.models import OfficeState
from node.office.service import office_of
from node.transfer import service as transfer
from shared.kernel.clock import now
from shared.kernel.jobs import Job, JobState
from shared.messaging.models import OutgoingStream
from shared.web import Light

#: The line works when the hub has answered lately: it is greeted every minute.
_LATELY = timedelta(minutes=5)
_NO_LOSS = "现在关机也不会丢失，下次开机接着办。"


def light_of(session: Session) -> Light:
    """The light as it is now: red while something runs or a person is needed, then yellow, green.

    What waits for a line that is down is no reason to stay: it is yellow.
    """
    office = office_of(session)
    stream = session.get(OutgoingStream, office.hub_id) if office.hub_id else None
    waiting = stream.seq - stream.acked if stream else 0
    jobs, uploads, bundles, refused = session.execute(
        select(
            select(func.count())
            .select_from(Job)
            .where(Job.state.in_((JobState.WAITING, JobState.RUNNING)))
            .scalar_subquery(),
            transfer.uploads_waiting(),
            custody.bundles_waiting(),
            filing.refusals_open(),
        )
    ).one()
    answers = office.last_contact is not None and now() - office.last_contact < _LATELY
    if jobs:
        return Light("red", "暂时不要关机", f"本机正在办 {jobs} 项任务，请等它办完。{_NO_LOSS}")
    if uploads + bundles and answers:
        return Light(
            "red", "暂时不要关机", f"正在上传 {uploads + bundles} 个文件包，请等传完。{_NO_LOSS}"
        )
    if office.state == OfficeState.UNENROLLED:
        return Light("yellow", "可以关机", "本机还没有联网登记，内容只保存在本机。")
    if office.state != OfficeState.ACTIVE or office.adopting:
        return Light("red", "可以关机，有事待办", office.notice)
    if refused:
        return Light(
            "red", "可以关机，有事待办", f"有 {refused} 件市级平台没有接受，请查看原因并改正。"
        )
    if waiting or uploads + bundles:
        return Light("yellow", f"可以关机，待送 {waiting + uploads + bundles}", _unsent(answers))
    return Light("green", "可以关机", "本机的内容都已送到市级平台。")


def _unsent(answers: bool) -> str:
    said = "内容已安全保存在本机，还没有全部送到市级平台；关机不会丢失，下次开机自动发送。"
    return f"{said}线路通着，再等几分钟也许就送完了。" if answers else f"{said}现在联系不上平台。"
