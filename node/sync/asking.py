"""Questions to the hub over HTTPS, signed with the device key, and parts of files to and fro."""

from __future__ import annotations

from typing import Any

import requests

from node.office.places import NodeFolder
from node.office.service import office_of
from node.sync.errors import hub_answer
from node.sync.questions import TIMEOUT, ask_hub, hub_url
from node.sync.slices import Slice

_TOKEN, _DIGEST = "Danglian-Upload-Token", "Danglian-Part-Sha256"


class HubDoor:
    """The hub's HTTPS side, as one node reaches it."""

    def __init__(self, folder: NodeFolder) -> None:
        self._folder = folder
        self._database = folder.database()
        self._http = requests.Session()

    def is_open(self) -> bool:
        """Whether this node may ask: it has the hub's grant, and knows where the hub is."""
        with self._database.read() as session:
            office = office_of(session)
            return office.has_grant and bool(hub_url(self._folder, office))

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Ask the hub one signed question; the answer is signed by the hub.

        Raises Unavailable when the hub is away, else the hub's own refusal.
        """
        return ask_hub(self._folder, question, http=self._http)

    def put_part(self, grant: dict[str, Any], number: int, piece: Slice) -> None:
        """Send one part of a granted upload, or several that follow each other from it on."""
        url = f"{self._base()}/api/v1/uploads/{grant['upload_id']}/parts/{number}"
        headers = {
            _TOKEN: grant["token"],
            _DIGEST: piece.sha256(),
            "Content-Type": "application/octet-stream",
        }
        hub_answer(lambda: self._http.put(url, data=piece, headers=headers, timeout=TIMEOUT))

    def get_part(self, grant: dict[str, Any], number: int) -> bytes:
        """Fetch one part of a granted bundle. The caller verifies the whole by its digest."""
        url = f"{self._base()}/api/v1/bundles/{grant['bundle_id']}/parts/{number}"
        headers = {_TOKEN: grant["token"]}
        return hub_answer(lambda: self._http.get(url, headers=headers, timeout=TIMEOUT)).content

    def _base(self) -> str:
        with self._database.read() as session:
            return hub_url(self._folder, office_of(session))
