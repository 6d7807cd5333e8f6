"""The feed of a hub, read over HTTPS by pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from shared.kernel.canonical import digest_of, sum_of_digests
from shared.kernel.errors import DanglianError, Unavailable

_SECONDS = 60
_GONE, _SERVER_ERRORS = 410, 500


class StartAnew(DanglianError):
    """The hub was restored: read from the beginning, and drop what does not come again."""

    code = "cursor_outdated"


class CopyDiffers(DanglianError):
    """What the hub sent, or what is held here, is not what the hub says that it should be."""

    code = "copy_differs"


@dataclass(frozen=True)
class Change:
    """The latest of one record: what one may see of it, or None when it is gone, and why."""

    id: str
    record: dict[str, Any] | None
    digest: str | None
    reason: str | None


@dataclass(frozen=True)
class Page:
    """Some changes; read on from `cursor` once they are kept."""

    changes: list[Change]
    cursor: str
    more: bool


@dataclass(frozen=True)
class Proof:
    """How many records one may see at `cursor`, and the sum of their digests."""

    cursor: str
    records: int
    digest: str
    groups: list[dict[str, Any]]

    def check(self, cursor: str | None, held: Sequence[tuple[str, str]]) -> bool:
        """Hold a copy, as ids and digests, that is read up to a cursor against this.

        False when the hub has gone on since, so that nothing can be said. Raises CopyDiffers.
        """
        if cursor != self.cursor:
            return False
        if (len(held), sum_of(held)) != (self.records, self.digest):
            raise CopyDiffers("副本与平台共享的不一致。", "请删去副本，从头读取。")
        return True


def sum_of(held: Iterable[tuple[str, str]]) -> str:
    """The sum over ids and digests of the records of a copy, as `Proof.digest` gives it."""
    return sum_of_digests(digest_of([id_, digest]) for id_, digest in held)


class Feed:
    """The shared records of one hub, as an account with a token may see them.

    `audience` asks for a feed that is narrower than the account's; `ca` is the path of the
    certificate that the hub's must lead to, where it is not a public one.
    """

    def __init__(
        self, address: str, token: str, *, audience: str | None = None, ca: str | None = None
    ) -> None:
        self._address = f"{address.rstrip('/')}/api/v1/shared"
        self._query = {"audience": audience} if audience else {}
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"
        if ca is not None:
            self._session.verify = ca

    def pages(self, cursor: str | None = None, *, limit: int = 1000) -> Iterator[Page]:
        """The pages after a cursor, up to the end of the feed; at least one.

        Raises StartAnew, CopyDiffers for a record that is not as its digest, Unavailable, and
        DanglianError for whatever else the hub refuses.
        """
        more = True
        while more:
            query = {"limit": str(limit), **({"cursor": cursor} if cursor else {})}
            answer = self._get("records", query)
            page = Page(
                [change_of(each) for each in answer["entries"]], answer["cursor"], answer["more"]
            )
            yield page
            cursor, more = page.cursor, page.more

    def proof(self) -> Proof:
        """What a whole copy has. Compare it when its cursor is that of the last page."""
        answer = self._get("proof", {})
        return Proof(answer["cursor"], answer["records"], answer["digest"], answer["groups"])

    def tell_again(self, cursor: str | None) -> None:
        """Have what came after a cursor put into one's queue again; all of it for None.

        Raises StartAnew, Unavailable, DanglianError.
        """
        self._ask("POST", "queue", json={"cursor": cursor})

    def _get(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        return self._ask("GET", path, params={**self._query, **query})

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            answer = self._session.request(
                method, f"{self._address}/{path}", timeout=_SECONDS, **more
            )
            said: dict[str, Any] = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise Unavailable("平台没有应答。", "请稍候再试，从上次的游标继续。") from error
        if answer.status_code == _GONE:
            raise StartAnew(said["detail"], said["remedy"])
        if not answer.ok:
            kind = Unavailable if answer.status_code >= _SERVER_ERRORS else DanglianError
            raise kind(str(said.get("detail")), str(said.get("remedy")), code=str(said.get("code")))
        return said


def change_of(entry: dict[str, Any]) -> Change:
    """One entry, held against its digest. Raises CopyDiffers."""
    record = entry.get("record")
    if record is not None and digest_of(record) != entry["digest"]:
        raise CopyDiffers(f"记录 {entry['id']} 与它的摘要不符。", "请重新读取。")
    return Change(entry["id"], record, entry.get("digest"), entry.get("reason"))
