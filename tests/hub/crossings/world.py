"""Two counties on one hub: 夷陵区 has one of everything, and people of 枝江市 look for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Table, select

from hub.app import make_app
from hub.custody.models import Bundle
from hub.custody.service import begin
from hub.custody.telling import tell_both
from hub.federation import rulesets
from hub.reading_room.models import CertifiedCopy
from hub.receiving import service as receiving
from hub.repository.models import KeptObject
from hub.sharing.registration.models import Registration
from hub.sharing.resources import service as resources
from shared.identity import create_account
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import today
from shared.kernel.identifiers import new_id
from shared.kernel.jobs import submit
from shared.records.fonds_schedule import schedule_document
from tests.crossings import Matrix
from tests.described import without_limits
from tests.hub.correcting.conftest import Kept
from tests.hub.crossings.routes import BY_TOKEN, DOORS, LISTS, OF_ALL, OWN, THINGS
from tests.hub.disposal.conftest import Room
from tests.hub.disposal.test_unit_lists import unit_list
from tests.hub.receiving.handover import YILING_ARCHIVE, ZHIJIANG_ARCHIVE, Offered, Unit
from tests.hub.sharing.described import description

#: What only people of 夷陵区 may read.
SECRETS = ("关于第", "J001-WS", "宜办发〔", "夷陵区绝不外传")


@dataclass
class World:
    """One of everything in 夷陵区, by the name of the parameter that asks for it."""

    room: Room
    stranger: Unit
    things: dict[str, str]
    #: What its node has told or asked: the end of an open batch, the grant of an upload.
    closing: dict[str, Any]
    asking_upload: dict[str, Any]
    #: What the hub told both units of a hand-over, with its signature.
    told: dict[str, Any]

    def matrix(self) -> Matrix:
        """The routes of this hub, to be asked by strangers."""
        unknown = {
            "archive": "429999", "version": "429999-1", "digest": "0" * 64, "place": "no/where",
        }  # fmt: skip
        app = without_limits(make_app(self.room.hub.city.folder))
        return Matrix(
            app, self.things, SECRETS, DOORS, OWN, OF_ALL, BY_TOKEN, LISTS, THINGS, unknown
        )

    def person(self, role: Role) -> Actor:
        """Somebody of 枝江市 with this role, as wide as it may be there."""
        of_unit = Grant(role, None, self.stranger.fonds.id)
        of_archive = Grant(role, ZHIJIANG_ARCHIVE)
        grants = {Role.CLERK: (of_unit,), Role.LEADER: (of_unit, of_archive)}
        return Actor("stranger", "外县人", grants.get(role, (of_archive,)))

    def snapshot(self) -> dict[str, str]:
        """A digest of every table of the hub."""
        database = self.room.hub.city.database
        with database.read() as session:
            return {table.name: _digest(session, table) for table in database.tables()}

    def changed_since(self, before: dict[str, str]) -> set[str]:
        """The tables that say something else than before."""
        return {name for name, digest in self.snapshot().items() if digest != before[name]}


def _digest(session: Any, table: Table) -> str:
    return sha256_hex("\n".join(sorted(map(repr, session.execute(select(table))))).encode())


def furnished(room: Room, stranger: Unit) -> World:
    """夷陵区 with an appraisal, a destroyed record, a correction, an open batch and the rest."""
    hub, unit = room.hub, room.unit
    city = hub.city
    gone, asked, kept = room.ids
    listed = room.decided([gone])
    room.work()
    appraisal = room.drawn([asked])
    of_unit = unit_list(unit, title="夷陵区绝不外传的清册")
    unit.send("disposal_list", of_unit)
    correction = Kept(hub, unit, room.records[1:]).ask(title="夷陵区绝不外传的题名")
    batch = unit.hand_over(1)
    hub.work("receiving.check")
    (offered,) = batch.offers
    waiting = unit.batch(unit.records(1), inline=False).offers[0]
    unit.send("offer", waiting.body)
    document = schedule_document(
        unit.fonds.id, name="夷陵区绝不外传的表", version="2026", approved_on=date(2026, 1, 8),
        approval="夷档复〔2026〕1号", items=[
            {"number": "1", "section": "行政", "scope": "纪要", "retention": "Y",
             "alternatives": []}
        ],
    )  # fmt: skip
    with city.database.write() as session:
        table = rulesets.put_schedule(room.appraiser, document, session=session)
        digest = table.sha256
    version = rulesets.activate_ruleset(
        city.folder, room.appraiser, YILING_ARCHIVE, active_from=date.fromisoformat(today()),
        approval="夷陵区绝不外传的批文",
    )  # fmt: skip
    with city.database.write() as session:
        rulesets.put_schedule(room.appraiser, document, session=session)
        place = session.scalars(select(KeptObject.place).where(KeptObject.record_id == kept)).one()
        upload = receiving.grant_upload(session, unit.node.id, _asking("upload", waiting))
        hand_over = begin(unit.fonds.id, unit.node.id, "某人", "夷陵区绝不外传", session=session)
        bundle = Bundle(
            id=new_id(), hand_over_id=hand_over.id, number=1, sha256=sha256_hex(b""), size=1
        )
        job = submit(
            session, "exporting.export", {}, title="夷陵区绝不外传", owner=room.appraiser.id
        )
        resource = resources.begin(
            room.appraiser,
            YILING_ARCHIVE,
            description(name="夷陵区绝不外传的资源"),
            session=session,
        )
        registration = Registration(
            id=new_id(), archive_code=YILING_ARCHIVE, resource_id=resource.id, code="420506-0001",
            name="夷陵区绝不外传的服务", terms={}, record={}, state="proposed",
            proposed_by={"name": "某人"},
        )  # fmt: skip
        copy = CertifiedCopy(
            id=new_id(), archive_code=YILING_ARCHIVE, fonds_id=unit.fonds.id, record_id=kept,
            title="夷陵区绝不外传的题名", reader="夷陵区绝不外传的人", purpose="查证",
            pdf_sha256=sha256_hex(b""), pdf_size=1, issued_by="某人",
        )  # fmt: skip
        session.add_all([bundle, registration, copy])
        account = create_account(
            city.admin, "yiling-only", "夷陵区绝不外传的人", "Dangan-2024-x", session=session,
            archive=YILING_ARCHIVE,
        )  # fmt: skip
        tell_both(hand_over, key=city.key, session=session)
        told = dict(hand_over.told or {})
        things = {
            "appraisal": appraisal,
            "list": listed,
            "unit_list": of_unit["list_id"],
            "certified_copy": copy.id,
            "destroyed": gone,
            "record": kept,
            "correction": correction,
            "batch": hub.batch(batch.id).id,
            "offer": offered.offer_id,
            "file": offered.record.files[0].id,
            "place": place,
            "upload": str(upload.get("upload_id", waiting.offer_id)),
            "hand_over": hand_over.id,
            "bundle": bundle.id,
            "job": job.id,
            "fonds": unit.fonds.id,
            "node": unit.node.id,
            "version": version,
            "digest": digest,
            "archive": YILING_ARCHIVE,
            "account": account.id,
            "resource": resource.id,
            "registration": registration.id,
        }
    return World(room, stranger, things, batch.closing, _asking("upload", waiting), told)


def _asking(what: str, offered: Offered) -> dict[str, Any]:
    return {
        "what": what, "offer_id": offered.offer_id, "sha256": offered.sha256,
        "size": len(offered.package),
    }  # fmt: skip
