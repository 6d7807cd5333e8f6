"""Enrolment: with a one-time code this node becomes known to the hub, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from node.filing import service as filing
from node.office.hub_keys import pin
from node.office.models import Office, OfficeState
from node.office.places import NodeFolder
from node.office.service import apply_fonds, office_of
from node.sync.errors import hub_answer
from shared.kernel.errors import Conflict, Invalid
from shared.kernel.keys import PublicKey
from shared.messaging.inbox import open_incoming
from shared.messaging.log import open_outgoing

_TIMEOUT = (5, 30)


def enrol(folder: NodeFolder, hub_url: str, code: str, *, version: str) -> Office:
    """Make this node known to the hub; the hub keeps the public halves of its keys.

    May be repeated with the same code if the answer was lost. Raises Conflict when the node is
    enrolled already, Unavailable when the hub is away, and the hub's own refusal.
    """
    hub_url = hub_url.rstrip("/")
    if not hub_url.startswith(("http://", "https://")):
        raise Invalid(
            "hub", f"平台地址“{hub_url}”不正确。", "请填写以 http:// 或 https:// 开头的地址。"
        )
    database = folder.database()
    with database.read() as session:
        office = office_of(session)
        if office.state != OfficeState.UNENROLLED:
            raise Conflict(f"本机已登记在“{office.hub_name}”。", "不需要重复登记。")
        instance_id = office.instance_id
    question = {
        "code": code.strip(),
        "device_public": folder.keys.device().public.hex,
        "seal_public": folder.keys.seal().public.hex,
        "instance_id": instance_id,
        "version": version,
    }
    url = f"{hub_url}/api/v1/enrolments"
    answer = hub_answer(lambda: requests.post(url, json=question, timeout=_TIMEOUT)).json()
    return take_enrolment(folder, hub_url, answer)


def take_enrolment(folder: NodeFolder, hub_url: str, answer: Mapping[str, Any]) -> Office:
    """Write down the hub's answer: who we are to it, which fonds we keep, and open the streams."""
    with folder.database().write() as session:
        office = office_of(session)
        office.node_id = answer["node_id"]
        office.hub_id = answer["hub_id"]
        office.hub_name = answer["hub_name"]
        office.hub_url = hub_url
        public = PublicKey.from_hex(answer["hub_public_key"])
        pin(office, public, answer.get("hub_keys", []), session=session)
        office.link = answer["link"]
        office.inline_limit = answer["limits"]["inline_package"]
        office.archives = answer["archives"]
        office.generation = answer["generation"]
        office.epoch = answer["epoch"]
        for body in answer["fonds"]:
            apply_fonds(session, body)
        open_incoming(session, answer["hub_id"], recipient=answer["node_id"], epoch=office.epoch)
        open_outgoing(
            session,
            answer["hub_id"],
            sender=answer["node_id"],
            epoch=office.epoch,
            generation=office.generation,
        )
        if office.epoch > 1:
            # The node was enrolled before, on a machine that is gone: take in what the hub holds.
            office.state = OfficeState.RECOVERING
            office.adopting = True
            filing.begin_adoption(session)
        else:
            office.state = OfficeState.ACTIVE
            session.flush()
            filing.begin_adoption(session)
            filing.finish_adoption(session)
    return office
