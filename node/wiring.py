"""What listens to what in a node process: entry handlers and background loops, in one file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from sqlalchemy.orm import Session

from node.corrections import service as corrections
from node.corrections.destroyed import apply_destroyed
from node.custody import following
from node.custody.work import CustodyWork
from node.filing import service as filing
from node.intake.work import IntakeWork
from node.office.hub_keys import apply_hub_keys
from node.office.models import OfficeState
from node.office.places import NodeFolder
from node.office.rules import apply_ruleset, apply_schedule
from node.office.service import apply_fonds, office_of
from node.signon.service import AccountsWork
from node.submission.arriving import Sweeping
from node.sync import reconciling, recovery
from node.sync.agent import Agent
from node.sync.doorway import Doorway
from node.sync.line import Line
from node.sync.uploads import Fetcher, Uploader
from node.transfer import service as transfer
from node.transfer.erasing import Erasing
from node.transfer.work import TransferWork
from shared.audit import Archiver, Sealer
from shared.inspection.scheme import program_with_additions
from shared.kernel.background import Background
from shared.kernel.errors import Unavailable
from shared.messaging.entry import Entry, Handler
from shared.messaging.link import Link, Refused

Apply = Callable[[Session, dict[str, Any]], object]


def _each(apply: Apply) -> Handler:
    """A handler that takes entries one by one, by their bodies exactly as they came."""

    def handler(session: Session, peer: str, entries: Sequence[Entry]) -> None:
        for entry in entries:
            apply(session, entry.body)

    return handler


def _adopted(session: Session, body: dict[str, Any]) -> None:
    recovery.finish_adoption(session)


def _refused(session: Session, body: dict[str, Any]) -> None:
    _ = (
        corrections.note_refusal(session, body)
        or following.note_refusal(session, body)
        or transfer.note_refusal(session, body)
        or filing.note_refusal(session, body)
    )


HANDLERS: Mapping[str, Handler] = {
    "hub_key": apply_hub_keys,
    "fonds": _each(apply_fonds),
    "schedule": _each(apply_schedule),
    "ruleset": _each(apply_ruleset),
    "held": _each(filing.adopt_held),
    "batch_held": _each(transfer.adopt_batch),
    "adopted": _each(_adopted),
    "refused": _each(_refused),
    "verdict": _each(transfer.apply_verdict),
    "receipt": _each(transfer.apply_receipt),
    "withdrawn": _each(transfer.apply_withdrawn),
    "changed": _each(corrections.apply_changed),
    "declined": _each(corrections.apply_declined),
    "disposed": _each(apply_destroyed),
    "correction_held": _each(corrections.adopt_request),
    "hand_over": _each(following.apply_hand_over),
    "reconciled": _each(reconciling.take_answer),
}


class Correspondence:
    """The loops that talk to the hub; they begin by themselves once the node is enrolled."""

    def __init__(self, folder: NodeFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._agent: Agent | None = None
        self._waiting = False
        self._line = Line(folder)
        self._uploader = Uploader(folder)
        self._fetcher = Fetcher(folder)

    def step_in(self) -> bool:
        """Take in what came."""
        return self._step(Agent.step_in)

    def step_out(self) -> bool:
        """Send what is due."""
        return self._step(Agent.step_out)

    def step_upload(self) -> bool:
        """Send one package or bundle in parts."""
        return self._uploader.step()

    def step_fetch(self) -> bool:
        """Fetch one bundle in parts."""
        return self._fetcher.step()

    def close(self) -> None:
        """Give the link back."""
        with self._lock:
            self._hang_up()

    def _step(self, step: Callable[[Agent], bool]) -> bool:
        agent = self._enrolled()
        if agent is None:
            return False
        try:
            busy = step(agent)
        except Unavailable as error:
            refused = isinstance(error, Refused)
            if refused or self._line.silent:
                self._begin_anew(agent, refused=refused)
            raise
        self._line.answered()
        if agent.is_silent() or agent.is_waiting() != self._waiting:
            with self._lock:
                if self._agent is agent:
                    self._hang_up()
        return busy

    def _enrolled(self) -> Agent | None:
        with self._lock:
            if self._agent is None:
                with self._folder.database().read() as session:
                    office = office_of(session)
                address = self._folder.settings.link or office.link
                if office.node_id is None or not address:
                    return None
                if office.state == OfficeState.SUPERSEDED:
                    return None
                self._waiting = office.waits_for_grant
                if self._waiting:
                    link: Link = Doorway(self._folder)
                else:
                    link = self._line.open(address, office.node_id)
                self._agent = Agent(
                    self._folder,
                    link,
                    HANDLERS,
                    version=program_with_additions(version("danglian")),
                )
            return self._agent

    def _hang_up(self) -> None:
        if self._agent is not None:
            self._agent.close()
            self._agent = None

    def _begin_anew(self, agent: Agent, *, refused: bool) -> None:
        """The broker does not take us, or is silent: ask the hub how it is reached now."""
        with self._lock:
            if self._agent is agent:
                self._agent = None
                self._line.distrust(refused=refused)
        agent.close()


def start(folder: NodeFolder) -> Background:
    """Start every loop of one node; stop them with `.stop()`."""
    name = folder.settings.slug
    background = Background()
    correspondence = Correspondence(folder)
    written = folder.database().trace
    for room, step, seconds in (
        ("intake", IntakeWork(folder).step, 0.5),
        ("erasing", Erasing(folder).step, 2.0),
        ("arrivals", Sweeping(folder).step, 60.0),
        ("transfer", TransferWork(folder).step, 0.5),
        ("custody", CustodyWork(folder).step, 1.0),
        ("upload", correspondence.step_upload, 1.0),
        ("fetch", correspondence.step_fetch, 1.0),
    ):
        background.repeat(f"{name}.{room}", step, idle_seconds=seconds, trace=written)
    outward = f"{name}.out"

    def take_in() -> bool:
        """An answer of the hub makes room for what is due."""
        came = correspondence.step_in()
        if came:
            background.wake(outward)
        return came

    background.repeat(f"{name}.in", take_in, idle_seconds=0.1)
    background.repeat(outward, correspondence.step_out, idle_seconds=0.2, trace=written)
    background.repeat(f"{name}.reconcile", reconciling.Schedule(folder).step, idle_seconds=60.0)
    sealer = Sealer(folder.database(), folder.keys.device)
    background.repeat(f"{name}.seal", sealer.step, idle_seconds=0.3, trace=written)
    archiver = Archiver(
        folder.database(),
        lambda: folder.older_log,
        folder.keys.device,
        months=folder.settings.audit_months,
    )
    background.repeat(f"{name}.archive", archiver.step, idle_seconds=3600.0)
    background.repeat(f"{name}.accounts", AccountsWork(folder).step, idle_seconds=5.0)
    background.at_end(correspondence.close)
    background.start()
    return background
