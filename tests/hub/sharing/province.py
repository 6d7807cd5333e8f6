"""A small provincial platform, and the reference plug-in that speaks to it: a gateway of one door.

Every question is a POST of `{"do": …}` with a digest made with the secret that both sides have. It
remembers what it was told under each key, and answers the same again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hub.sharing.registration.platform import (
    Platform,
    PlatformSettings,
    Refused,
    Reply,
    Standing,
)
from shared.kernel.canonical import canonical_json
from tests.servers.answering import Answering

SECRET = "made-up-for-the-test"
NAME = "reference"


class ReferencePlatform:
    """The plug-in: what the hub knows, said as this gateway wants to hear it."""

    def __init__(self, settings: PlatformSettings) -> None:
        self._http = settings.http
        self._secret = str(settings.options["secret"]).encode()

    def find(self, key: str) -> Standing | None:
        reply = self._ask({"do": "find", "key": key})
        return None if reply.status == 404 else _standing(reply)

    def register(self, record: Mapping[str, Any], key: str, reference: str | None) -> Standing:
        service = {
            "serviceName": record["name"],
            "serviceCode": record["code"],
            "resourceCode": record["resource_code"],
            "version": record["version"],
            "url": record["address"],
            "httpMethod": record["method"],
            "params": [each["name"] for each in record["request"]],
            "qps": record["per_second"],
        }
        asked = {"do": "register", "key": key, "id": reference, "service": service}
        return _standing(self._ask(asked))

    def standing(self, reference: str) -> Standing:
        return _standing(self._ask({"do": "standing", "id": reference}))

    def _ask(self, question: dict[str, Any]) -> Reply:
        signed = hmac.new(self._secret, canonical_json(question), hashlib.sha256).hexdigest()
        return self._http.ask(
            "POST", "/gateway", json_body=question, headers={"X-Signature": signed}
        )


def _standing(reply: Reply) -> Standing:
    if reply.status == 422:
        raise Refused(str(reply.body["why"]), "请修改后重新提出。")
    return Standing(reply.body["state"], reply.body["id"], reply.body.get("words", ""))


def make(settings: PlatformSettings) -> Platform:
    """What the entry point names."""
    return ReferencePlatform(settings)


class Province(Answering):
    """The platform itself. `refuses` is why it takes nothing, `stands` how its services stand."""

    media_type = "application/json"
    path = ""

    def __init__(self) -> None:
        self.services: dict[str, dict[str, Any]] = {}
        self.told: dict[str, str] = {}
        self.stands = "pending"
        self.refuses = ""
        super().__init__()

    def true_answer(self, question: bytes) -> bytes:
        asked = json.loads(question)
        self.status = 200
        match asked["do"]:
            case "find":
                service = self.told.get(asked["key"])
                self.status = 200 if service else 404
            case "standing":
                service = asked["id"]
            case _:
                service = self._register(asked)
        if self.status != 200:
            return canonical_json({"why": self.refuses})
        return canonical_json({"state": self.stands, "id": service, "words": "已收到"})

    def _register(self, asked: dict[str, Any]) -> str | None:
        if self.refuses:
            self.status = 422
            return None
        number = asked["id"] or f"P{len(self.services) + 1:04d}"
        self.services.setdefault(number, {"tellings": []})["tellings"].append(asked["key"])
        self.services[number]["service"] = asked["service"]
        self.told[asked["key"]] = number
        return number


def install(folder: Path) -> str:
    """Make the plug-in one that is installed, for whoever has this folder on the path."""
    info = folder / "danglian_reference_province-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: x\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        f"[danglian.provincial_platforms]\n{NAME} = tests.hub.sharing.province:make\n"
    )
    return str(folder)
