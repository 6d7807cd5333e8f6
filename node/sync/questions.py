"""What this node asks the hub over HTTPS: one signed question, one signed answer."""

from __future__ import annotations

from typing import Any

import requests

from node.office.models import Office
from node.office.places import NodeFolder
from node.office.service import office_of
from node.sync.errors import hub_answer
from shared.kernel.errors import Unavailable
from shared.kernel.keys import PublicKey
from shared.messaging.envelope import BadEnvelope, Header, close_envelope, read_envelope

#: Seconds to connect, and to wait for an answer.
TIMEOUT = (5, 60)


def hub_url(folder: NodeFolder, office: Office) -> str:
    """Where the hub answers: as set here (it may have moved), else as at enrolment."""
    return (folder.settings.hub_url or str(office.hub_url)).rstrip("/")


def ask_hub(
    folder: NodeFolder, question: dict[str, Any], *, http: requests.Session | None = None
) -> dict[str, Any]:
    """Ask with the device key; the answer is signed by the hub.

    Raises Unavailable when the hub is away or its answer is not believed, and the hub's refusal.
    """
    with folder.database().read() as session:
        office = office_of(session)
        url = f"{hub_url(folder, office)}/api/v1/nodes/requests"
        hub_key = PublicKey.from_hex(office.hub_public_key)
        header = Header(
            sender=str(office.node_id),
            recipient=str(office.hub_id),
            direction="up",
            kind="request",
            epoch=office.epoch,
            generation=office.generation,
        )
    raw = close_envelope(folder.keys.device(), header, question)
    post = requests.post if http is None else http.post
    answer = hub_answer(lambda: post(url, data=raw, timeout=TIMEOUT))
    try:
        message = read_envelope(answer.content).open(hub_key)
    except BadEnvelope as error:
        raise Unavailable("市级平台的回答未通过验证。", "系统会自动重试。") from error
    return message.document()
