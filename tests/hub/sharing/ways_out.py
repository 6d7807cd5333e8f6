"""Every way by which something of the holdings leaves the hub, each read as it travels.

A test puts texts into records that occur nowhere else, reads every way, and looks for them.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from flask.testing import FlaskClient

from hub.app import make_app
from hub.portal.app import make_app as make_portal
from hub.portal.places import PortalFolder, PortalSettings
from hub.portal.taking import take_folder
from hub.sharing import feed
from hub.sharing.consumers.models import Consumer
from hub.sharing.lookup.service import PURPOSES
from hub.sharing.policies import Audience
from hub.sharing.publishing import publish
from hub.sharing.pushing import service as pushing
from hub.sharing.pushing.reaching import Reach, Reply
from hub.sharing.pushing.sending import Pushing
from hub.sharing.pushing.signing import SecretKeeper
from hub.sharing.pushing.webhooks import Webhooks
from tests.hub.conftest import City
from tests.hub.sharing.consumers.conftest import TOKEN, Desk

SHARED = "/api/v1/shared"
#: A question about a record: its number and its title.
Question = tuple[str, str]
_PAGE = 3
_OF_THE_MOMENT = re.compile(rb"<responseDate>[^<]*</responseDate>")


def told(texts: Collection[str], ways: Mapping[str, bytes]) -> dict[str, str]:
    """Which of the texts leave, and by which way; also as JSON, XML and HTML write them."""
    found: dict[str, str] = {}
    for way, content in ways.items():
        said = content.decode("utf-8", "replace")
        for each in texts:
            if _is_in(each, said):
                found.setdefault(each, way)
    return found


def _is_in(text: str, said: str) -> bool:
    if text.isdecimal():  # not as a part of a digest
        return re.search(rf"(?<![0-9a-z]){text}(?![0-9a-z])", said) is not None
    return any(form in said for form in (text, json.dumps(text)[1:-1], escape(text)))


@dataclass
class WaysOut:
    """The ways out of one hub. `carried` is an empty folder for what is published."""

    city: City
    desk: Desk
    carried: Path

    def __post_init__(self) -> None:
        self.app = make_app(self.city.folder)
        self._bodies: list[bytes] = []
        self._receiver = cast(Reach, SimpleNamespace(post=self._post, check=str))
        self._keeper = SecretKeeper(self.city.folder.path)
        settings = PortalSettings(
            name="门户", hub_id=self.city.folder.settings.hub_id,
            hub_key=self.city.key.public.hex,
        )  # fmt: skip
        self._portal = PortalFolder.create(self.carried / "portal", settings)
        self._pages = make_portal(self._portal).test_client()

    def close(self) -> None:
        self._portal.database.close()

    # ---- a consumer's

    def consumer(self, consumer: Consumer, questions: Iterable[Question]) -> dict[str, bytes]:
        """All that one consumer is told by the API, its errors among it."""
        client = self.app.test_client()
        form = {"grant_type": "client_credentials"}
        got = client.post(TOKEN, data=form, auth=(consumer.id, self.desk.secret(consumer)))
        assert got.status_code == 200, got.text
        head = {"Authorization": f"Bearer {got.get_json()['access_token']}"}
        ways = dict(self._feed(client, head))
        for number, title in questions:
            for purpose in sorted(PURPOSES)[:2]:
                asked = {"number": number, "title": title, "purpose": purpose, "matter": "1"}
                answer = client.post(f"{SHARED}/lookups", json=asked, headers=head)
                assert answer.status_code in (200, 429), answer.text
                ways[f"lookup {number} {purpose}"] = answer.data
        return ways

    def _feed(self, client: FlaskClient, head: dict[str, str]) -> Iterator[tuple[str, bytes]]:
        cursor, more = "", True
        while more:
            path = f"{SHARED}/records?limit={_PAGE}&cursor={cursor}"
            answer = client.get(path, headers=head)
            assert answer.status_code == 200, answer.text
            yield f"records after {cursor}", answer.data
            page = answer.get_json()
            cursor, more = page["cursor"], page["more"]
        for path in (
            "records.ndjson", "proof", "me", "records?cursor=9-9", "records?cursor=1-999999",
            "records?limit=0", "records?audience=nobody", "records/1",
        ):  # fmt: skip
            yield path, client.get(f"{SHARED}/{path}", headers=head).data

    # ---- pushed

    def begin_push(self, consumer: Consumer) -> None:
        with self.city.database.write() as session:
            pushing.set_push(
                self.desk.applicant, consumer.id, "https://receiver.example/", reach=self._receiver,
                keeper=self._keeper, session=session,
            )  # fmt: skip

    def pushed(self, consumer: Consumer) -> bytes:
        """All that has been pushed to a consumer so far, with the headers."""
        sending = Pushing(self.city.database, Webhooks(self._receiver, self._keeper))
        while sending.step():
            pass
        return b"".join(each for each in self._bodies if consumer.id.encode() in each)

    def _post(self, url: str, body: bytes, headers: Mapping[str, str], **_: Any) -> Reply:
        self._bodies.append(body + repr(headers).encode())
        return Reply(200, 0)

    @staticmethod
    def whole(ways: Mapping[str, bytes]) -> list[str]:
        """The ways of these by each of which all that may be seen leaves."""
        return [each for each in ways if each == "records.ndjson" or each.startswith("danglian-")]

    # ---- everybody's

    def everybody(self, ids: Iterable[str], questions: Iterable[Question]) -> dict[str, bytes]:
        """What is open to all: OAI-PMH in both forms, what is published, the portal's pages."""
        client = self.app.test_client()
        ways = {}
        host = self.city.folder.settings.hub_id
        for form in ("oai_dc", "dat46"):
            asked = [f"verb={each}&metadataPrefix={form}" for each in _LISTS]
            asked += [
                f"verb=GetRecord&metadataPrefix={form}&identifier=oai:{host}:{each}" for each in ids
            ]
            for each in (*asked, "verb=ListSets", "verb=GetRecord&identifier=none", "verb=none"):
                ways[each] = _OF_THE_MOMENT.sub(b"", client.get(f"/api/v1/oai?{each}").data)
        return {**ways, **dict(self._published()), **dict(self._searched(ids, questions))}

    def _published(self) -> Iterator[tuple[str, bytes]]:
        with self.city.database.read() as session:
            if not feed.mark_of(Audience.PUBLIC, session).position:
                return  # nothing is published where nothing ever was open
        stick = self.carried / "stick"
        publish(self.city.admin, self.city.folder, stick)
        take_folder(self._portal, stick)
        for each in sorted(stick.iterdir()):
            line, _, packed = each.read_bytes().partition(b"\n")
            yield each.name, line + zlib.decompress(packed, 16 + zlib.MAX_WBITS)

    def _searched(
        self, ids: Iterable[str], questions: Iterable[Question]
    ) -> Iterator[tuple[str, bytes]]:
        for path in (
            "",
            "?sort=code",
            "?sort=-date",
            "?year=1990",
            "?archive=420506",
            "robots.txt",
        ):
            yield f"portal {path}", self._pages.get(f"/{path}").data
        for each in ids:
            yield f"portal {each}", self._pages.get(f"/records/{each}").data
        for asked, (_, title) in enumerate(questions):
            page = self._pages.get("/", query_string={"q": title}).data.decode()
            # What was typed stands in the box again, and in links to other orders of the list.
            yield (
                f"portal search {asked}",
                re.sub(r'(value|href)="[^"]*"', "", page).replace(escape(title), "").encode(),
            )


_LISTS = ("ListRecords", "ListIdentifiers")
