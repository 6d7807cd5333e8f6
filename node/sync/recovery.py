"""What a node does when it is a copy, was restored, or meets a hub that was restored.

Protocol §4. A copied or restored instance is recognised by its digest not continuing: it stops
sending, takes a new instance id and asks for a grant. The grant starts a new epoch, which runs
downward first: this node adopts what the hub holds, and then tells what the hub lacks.
"""

from __future__ import annotations

import logging

from sqlalchemy.orm import Session

from node.corrections import service as corrections
from node.custody import following as custody
from node.filing import disposal_lists
from node.filing import service as filing
from node.office.models import Office, OfficeState
from node.office.service import office_of
from node.transfer import service as transfer
from shared.audit import open_segment
from shared.audit import record as audit
from shared.kernel.actor import system_actor
from shared.kernel.identifiers import new_id
from shared.messaging.inbox import open_incoming
from shared.messaging.log import open_outgoing
from shared.messaging.models import OutgoingStream

log = logging.getLogger(__name__)

_AGENT = system_actor("sync")


def begin_recovery(session: Session, reason: str) -> None:
    """This log is not what the hub was sent before: stop sending, and ask for a new grant."""
    office = office_of(session)
    if office.state != OfficeState.ACTIVE:
        return
    ask_again(session, office, reason)


def ask_again(session: Session, office: Office, reason: str) -> None:
    """Take a new instance id and wait for the hub's grant; nothing is sent until it comes."""
    office.state = OfficeState.RECOVERING
    office.adopting = False
    office.instance_id = new_id()
    office.notice = (
        "本机的数据与市级平台记录的不连续（可能是从备份恢复，或数据目录被复制到另一台电脑）。"
        "登记和整理照常，定号和移交待市档案馆确认本机后继续。"
    )
    open_segment(session, _AGENT, "restore")
    audit(session, _AGENT, "node.recovery_begun", "office", reason=reason)
    session.flush()


def be_superseded(session: Session, epoch: int) -> None:
    """Another instance of this node was granted a newer epoch: this one falls silent."""
    office = office_of(session)
    if office.state != OfficeState.ACTIVE or epoch <= office.epoch:
        return
    office.state = OfficeState.SUPERSEDED
    office.notice = (
        "另一台电脑已接替本机与市级平台联系，本机不再发送。"
        "如应由本机继续，请运行 danglian node recover，并请市档案馆确认。"
    )
    audit(session, _AGENT, "node.superseded", "office", epoch=epoch)


def begin_adoption(session: Session, epoch: int, *, generation: int) -> None:
    """The hub granted this instance an epoch: open both streams and take in what it holds."""
    office = office_of(session)
    if office.hub_id is None or office.node_id is None:
        return
    office.epoch = epoch
    office.state = OfficeState.RECOVERING
    office.adopting = True
    office.notice = "正在从市级平台接收本单位的档案目录，完成后自动恢复正常。"
    filing.begin_adoption(session)
    open_incoming(session, office.hub_id, recipient=office.node_id, epoch=epoch)
    open_outgoing(session, office.hub_id, sender=office.node_id, epoch=epoch, generation=generation)
    audit(session, _AGENT, "node.adoption_begun", "office", epoch=epoch)


def finish_adoption(session: Session) -> None:
    """Everything the hub holds has arrived: go on sending, first what the hub lacks."""
    office = office_of(session)
    office.adopting = False
    office.state = OfficeState.ACTIVE
    office.notice = ""
    session.flush()
    told = filing.finish_adoption(session)
    transfer.reoffer(session)
    corrections.tell_again(session)
    disposal_lists.tell_again(session)
    custody.finish_adoption(session)
    audit(session, _AGENT, "node.adopted", "office", epoch=office.epoch, told=told)


def enter_generation(session: Session, generation: int, lost_after: int | None) -> None:
    """The hub was restored: hand back the signed papers it may have lost, offer packages again."""
    office = office_of(session)
    stream = session.get(OutgoingStream, office.hub_id)
    if stream is None or office.hub_id is None:
        return
    stream.generation = generation
    office.generation = generation
    papers = transfer.meet_restored_hub(session, lost_after or 0)
    papers += corrections.meet_restored_hub(session, lost_after or 0)
    custody.meet_restored_hub(session)
    audit(session, _AGENT, "hub.generation_met", "office", generation=generation, papers=papers)
