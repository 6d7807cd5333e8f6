"""Reads a recording: what a version said, and the folders that its messages were taken into."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.messaging.envelope import Message, SealedMessage, read_envelope
from shared.messaging.run import Run, unpack_run
from tests.released.recorder import FOLDERS, LEGS, MESSAGES


def run_of(message: Message | SealedMessage) -> Run:
    """The entries of a run."""
    return unpack_run(message.body, after=message.header.after, last=message.header.last)


@dataclass(frozen=True)
class Leg:
    """What one side said, and what the other made of it.

    `receiver` is `hub`, `node`, or `door`: the hub, asked over HTTP.
    """

    title: str
    receiver: str
    folder: Path
    answers: list[dict[str, Any]]
    after: dict[str, Any]

    @property
    def messages(self) -> list[bytes]:
        """The messages as they were signed, in their order."""
        return [path.read_bytes() for path in sorted((self.folder / MESSAGES).glob("*"))]


class Recording:
    """One version's recording, unpacked into a folder that a test may change."""

    def __init__(self, recorded: Path, folder: Path) -> None:
        said = json.loads((recorded / LEGS).read_text(encoding="utf-8"))
        with tarfile.open(recorded / FOLDERS) as archive:
            archive.extractall(folder, filter="data")
        self.version: str = said["version"]
        self.hub_id: str = said["hub_id"]
        self.node_id: str = said["node_id"]
        self.legs = [
            Leg(
                title=leg["title"],
                receiver=leg["receiver"],
                folder=folder / leg["folder"],
                answers=leg["answers"],
                after=leg["after"],
            )
            for leg in said["legs"]
        ]

    def messages(self, direction: str) -> list[SealedMessage]:
        """Everything that was said in one direction."""
        sealed = [read_envelope(raw) for leg in self.legs for raw in leg.messages]
        return [each for each in sealed if each.header.direction == direction]

    def entries(self, direction: str) -> dict[str, set[str]]:
        """The kinds of entries that were told in one direction, each with the fields it had."""
        found: dict[str, set[str]] = {}
        for sealed in self.messages(direction):
            if sealed.header.kind == "run":
                for entry in run_of(sealed).entries:
                    found[entry.kind] = found.get(entry.kind, set(entry.body)) & set(entry.body)
        return found
