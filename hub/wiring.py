"""What listens to what in the hub process: entry handlers and background loops, in one file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

import hub.events  # noqa: F401 - wires the rooms' events upward
from hub.catalogue import service as catalogue
from hub.catalogue.recounting import Recounting
from hub.correcting import service as correcting
from hub.custody import hearing as custody
from hub.custody.bundles import grant_bundle_down, grant_bundle_up
from hub.custody.telling import holdings as hand_overs
from hub.disposal.executing import Executing
from hub.disposal.unit_lists import TakingUp, apply_lists
from hub.exporting import jobs as exporting
from hub.federation import epochs
from hub.federation.broker import BrokerKeeper, link_request
from hub.federation.places import HubFolder
from hub.federation.requests import Request
from hub.federation.rules_told import RulesTelling, apply_refusals
from hub.federation.sync import PostOffice
from hub.receiving import service as receiving
from hub.repository.audit_segments import AuditWriter
from hub.repository.registers import RegisterWriter
from hub.sharing import news as sharing
from hub.sharing.consumers.quotas import Sweeping
from hub.sharing.deciding import Deciding
from hub.sharing.pushing.queues import queues_of
from hub.sharing.pushing.reaching import reach_of
from hub.sharing.pushing.sending import Pushing
from hub.sharing.pushing.signing import SecretKeeper
from hub.sharing.pushing.subscribers import SubscriberKeeper
from hub.sharing.pushing.webhooks import Webhooks
from hub.sharing.registration.platform import load_platform
from hub.sharing.registration.sending import Sending
from hub.sharing.sequencing import Sequencing
from hub.signon import for_nodes
from shared.audit import Archiver, Sealer, shut_when_unsealed
from shared.audit.forwarding import Forwarder, LogService
from shared.audit.watching import thresholds_of
from shared.kernel.background import Background
from shared.messaging.ahead import Ahead
from shared.messaging.entry import Entry, Handler
from shared.messaging.links import names_broker
from shared.messaging.parcel import ByHand

#: What a node may ask over HTTPS, by name.
REQUESTS: Mapping[str, Request] = {
    "upload": receiving.grant_upload,
    "upload_bundle": grant_bundle_up,
    "fetch_bundle": grant_bundle_down,
    "sign_in_begin": for_nodes.begin_at_node,
    "sign_in_redeem": for_nodes.redeem,
    "sign_out": for_nodes.sign_out_at_node,
    "accounts": for_nodes.accounts_at_node,
}

#: The module of the second process, which reads runs ahead.
READING = "hub.reading"

#: Where a look costs more than others, and nobody waits for what comes of it.
_IDLE = {
    "receiving.stamp": 10.0,
    "receiving.statuses": 10.0,
    "exporting.sweep": 10.0,
    "disposal.execute": 2.0,
    "disposal.unit_lists": 600.0,
    "correcting.declassify": 2.0,
    "federation.rules": 2.0,
    "sharing.decide": 1.0,
    "sharing.sequence": 1.0,
    "repository.inspection": 10.0,
    "audit.seal": 0.3,
    "audit.archive": 3600.0,
    "sharing.sweep": 300.0,
    "sharing.register": 5.0,
    "sharing.push.0": 1.0,
    "sharing.push.1": 1.0,
}

#: How many nodes of one shard are dealt with side by side. SQLite takes one writer at a time.
_SIDE_BY_SIDE = {"sqlite": 1}
_OTHERWISE = 3


def requests(folder: HubFolder) -> dict[str, Request]:
    """What a node may ask of this hub."""
    return {**REQUESTS, "link": link_request(folder)}


def handlers(folder: HubFolder) -> dict[str, Handler]:
    """Who applies which kind of entry."""
    of_batches = receiving.handlers()
    return {
        "record": catalogue.apply_records,
        "reconcile": catalogue.apply_reconcile,
        "refused": apply_refusals,
        **custody.handlers(folder),
        "correction": correcting.apply_requests,
        "disposal_list": apply_lists,
        **of_batches,
        "evidence": _evidence(of_batches["evidence"]),
    }


def _evidence(of_batches: Handler) -> Handler:
    """Signed papers that a node hands back, each to the room that had made it."""

    def handler(session: Session, peer: str, entries: Sequence[Entry]) -> None:
        for entry in entries:
            about_corrections = entry.body.get("kind") in correcting.KINDS
            (correcting.apply_evidence if about_corrections else of_batches)(session, peer, [entry])

    return handler


def steps(folder: HubFolder) -> dict[str, Callable[[], bool]]:
    """Every background step but those of the post office, by name."""
    return {
        "disposal.execute": Executing(folder).step,
        "disposal.unit_lists": TakingUp(folder.database(), folder.store).step,
        **receiving.steps(folder),
        **correcting.steps(folder),
        **custody.steps(folder, holdings),
        **exporting.steps(folder),
        "sharing.decide": Deciding(folder.database()).step,
        "sharing.sequence": Sequencing(folder.database()).step,
        "sharing.sweep": Sweeping(
            folder.database(), months=folder.settings.request_log_months
        ).step,
        "federation.rules": RulesTelling(folder.database()).step,
        **_pushing(folder),
        "sharing.register": Sending(folder.database(), load_platform(folder.settings)).step,
        "repository.registers": RegisterWriter(folder.database()).step,
        "audit.seal": Sealer(folder.database(), folder.keys.hub).step,
        "audit.archive": Archiver(
            folder.database(),
            lambda: folder.store,
            folder.keys.hub,
            months=folder.settings.audit_months,
        ).step,
        "repository.audit": AuditWriter(folder.database()).step,
    }


def _pushing(folder: HubFolder) -> dict[str, Callable[[], bool]]:
    """Two lanes, so that a slow receiver does not stop the others; none where nothing is shared."""
    if folder.settings.zone == "lan":
        return {}
    reach, keeper = reach_of(folder.settings), SecretKeeper(folder.path)
    return {
        f"sharing.push.{lane}": Pushing(folder.database(), Webhooks(reach, keeper)).step
        for lane in range(2)
    }


def _queues(folder: HubFolder, background: Background) -> None:
    """Queues of subscribers, where there is a broker and something is shared."""
    if folder.settings.zone == "lan":
        return
    queues, written = queues_of(folder), folder.database().trace
    background.repeat("sharing.subscribers", SubscriberKeeper(folder).step, idle_seconds=0.5)
    background.repeat(
        "sharing.queue", Pushing(folder.database(), queues).step, idle_seconds=1.0, trace=written
    )
    background.at_end(queues.close)


def holdings(node_id: str, session: Session) -> Iterable[epochs.Fact]:
    """What the hub holds of a node, as a new epoch tells it.

    Records, batches, requests for correction, hand-overs.
    """
    for held in catalogue.held_by(node_id, session):
        yield ("held", held["record"]["id"], held)
    yield from receiving.holdings(node_id, session)
    yield from correcting.holdings(node_id, session)
    yield from hand_overs(node_id, session)


def post_by_hand(folder: HubFolder) -> PostOffice:
    """The post office for what is carried by hand or comes over HTTPS: it has no link."""
    return PostOffice(folder, ByHand(), handlers(folder), holdings)


def news_of(node_id: str, hello: Mapping[str, Any], session: Session) -> dict[str, Any]:
    """What a node hears with every answer to its greeting: its batches, and what is shared."""
    return receiving.news_of(node_id, session) | sharing.news_of(node_id, hello, session)


def start(folder: HubFolder, shards: Iterable[int]) -> Background:
    """Start every loop of the hub, with these shards; stop them with `.stop()`."""
    background = Background()
    work(folder, shards, background)
    if names_broker(folder.settings.link):
        background.repeat("broker", BrokerKeeper(folder).step, idle_seconds=2.0)
        _queues(folder, background)
    if folder.settings.audit_forward:
        service = LogService.at(folder.settings.audit_forward, folder.settings.audit_forward_ca)
        forwarder = Forwarder(
            folder.database(), service, folder.path, thresholds_of(folder.settings)
        )
        background.repeat("audit.forward", forwarder.step, idle_seconds=2.0)
    recounting = Recounting(folder.database(), hours=folder.settings.recount_hours)
    background.repeat("catalogue.recount", recounting.step, idle_seconds=300.0)
    written = folder.database().trace
    for name, step in steps(folder).items():
        background.repeat(name, step, idle_seconds=_IDLE.get(name, 0.5), trace=written)
    background.start()
    return background


def work(folder: HubFolder, shards: Iterable[int], background: Background) -> None:
    """Add the loops that talk to the nodes of some shards, over one link."""
    unsealed = timedelta(minutes=folder.settings.audit_unsealed_minutes)
    shut_when_unsealed(folder.database(), unsealed)
    link = folder.open_link()
    written = folder.database().trace
    dialect = folder.database().engine.dialect.name
    side_by_side = _SIDE_BY_SIDE.get(dialect, _OTHERWISE)
    ahead = Ahead(READING, dialect)
    for shard in shards:
        post = PostOffice(
            *(folder, link, handlers(folder), holdings),
            news=news_of,
            shard=shard,
            shards=folder.shards,
            ahead=ahead,
        )
        background.repeat(f"post.{shard}.in", post.step_collect, idle_seconds=0.1)
        for lane in range(side_by_side):
            background.repeat(f"post.{shard}.work.{lane}", post.step_work, idle_seconds=0.1)
        background.repeat(f"post.{shard}.out", post.step_out, idle_seconds=0.2, trace=written)
    background.at_end(link.close)
    background.at_end(ahead.close)
