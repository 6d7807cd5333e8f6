"""What is withheld from an audience leaves by no way: each way out is read as it travels."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

from hub.app import make_app
from hub.sharing.policies import Audience
from hub.sharing.publishing import publish
from shared.kernel.actor import Grant, Role
from shared.records.record import Opening, Record
from tests.hub.desk import Api, make_desk
from tests.hub.sharing.conftest import ARCHIVE
from tests.hub.sharing.receiver import Pushes, desk, pushes, receiver

__all__ = ["desk", "pushes", "receiver"]

TEXTS = ("title", "author", "doc_no", "organ_name")
OF_PUBLIC = ("code", "author")
OF_GOVERNMENT = ("code", "title", "author")


def marked(pushes: Pushes, name: str, *, title: str = "", **more: object) -> Record:
    """A record each of whose texts occurs nowhere else."""
    texts = {each: f"{name}〔{each}〕" for each in TEXTS}
    texts["title"] += title
    return pushes.archive.record(step=len(name), **texts, **more)


def test_what_is_withheld_leaves_by_no_way(pushes: Pushes, tmp_path: Path) -> None:
    archive = pushes.archive
    archive.share(Audience.PUBLIC, fields=OF_PUBLIC)
    archive.share(Audience.GOVERNMENT, fields=OF_GOVERNMENT, closed_fields=("code",))
    records = {
        "opened": marked(pushes, "甲"),
        "personal": marked(pushes, "乙乙", title="联系电话13912345678"),
        "closed": marked(pushes, "丙丙丙", year=2024),
        "controlled": marked(pushes, "丁丁丁丁", opening=Opening("controlled", "涉及隐私")),
        "internal": marked(pushes, "戊戊戊戊戊", security="internal"),
        "withdrawn": marked(pushes, "己己己己己己"),
    }
    archive.receive(*records.values())
    archive.settle()
    archive.withdraw(records["withdrawn"].id)
    texts = {str(getattr(each, name)) for each in records.values() for name in TEXTS}

    def told(*content: bytes) -> set[str]:
        """Which of the texts are in what travels, as it is or in JSON's own spelling."""
        said = b"\n".join(content).decode()
        return {each for each in texts if each in said or json.dumps(each)[1:-1] in said}

    authors = {str(records[name].author) for name in ("opened", "personal")}
    may = {
        Audience.PUBLIC: authors,
        Audience.GOVERNMENT: authors | {records["opened"].title},
    }
    program = Api(make_desk(archive.city, platform=Grant(Role.ARCHIVIST, ARCHIVE)), "platform")
    for audience in Audience:
        pushes.receiver.heard.clear()
        pushes.begin(audience=str(audience))
        pushes.work()
        assert (
            told(*(json.dumps(each).encode() for _, each in pushes.receiver.heard))
            == (may[audience])
        )
        for path, expected in (
            ("records", may[audience]), ("records.ndjson", may[audience]), ("proof", set()),
            ("records?cursor=9-9", set()), ("records?cursor=1-999999", set()),
        ):  # fmt: skip
            glue = "&" if "?" in path else "?"
            answer = program.client.get(
                f"/api/v1/shared/{path}{glue}audience={audience}", headers=program.headers
            )
            assert told(answer.data) == expected, path

    app = make_app(archive.city.folder)
    ids = [f"oai:{archive.city.folder.settings.hub_id}:{each.id}" for each in records.values()]
    for form in ("oai_dc", "dat46"):
        asked = [
            f"verb=ListRecords&metadataPrefix={form}",
            f"verb=ListIdentifiers&metadataPrefix={form}",
        ]
        asked += [f"verb=GetRecord&metadataPrefix={form}&identifier={each}" for each in ids]
        answers = [app.test_client().get(f"/api/v1/oai?{each}").data for each in asked]
        assert told(*answers) <= may[Audience.PUBLIC], form
    sets = app.test_client().get("/api/v1/oai?verb=ListSets").data
    assert told(sets) == set()

    publish(archive.city.admin, archive.city.folder, tmp_path / "stick")
    (bundle,) = (tmp_path / "stick").iterdir()
    line, _, packed = bundle.read_bytes().partition(b"\n")
    lines = zlib.decompress(packed, 16 + zlib.MAX_WBITS)
    assert told(line) == set()
    assert told(lines) == may[Audience.PUBLIC]
