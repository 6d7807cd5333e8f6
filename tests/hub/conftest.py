"""A small hub to test on: the real divisions of Yichang, its archives, real SQLite."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.federation.enrolment import Application, enrol
from hub.federation.founding import found_hub
from hub.federation.models import Fonds, Node
from hub.federation.places import HubFolder
from shared.audit import Sealer
from shared.kernel.actor import Actor, Grant, Role, system_actor
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey
from shared.kernel.settings import save_settings
from shared.messaging.entry import Entry
from shared.records.record import Event, Record, record_to_wire
from tests.servers.postgresql import PostgreSQL

CITY = "420500000000"
#: 夷陵区, whose archive reviews what the city's receives when they agree so; 枝江市.
YILING, ZHIJIANG = "420506000000", "420583000000"


@dataclass
class City:
    """A hub with what a test needs to set up a city in a few words."""

    folder: HubFolder
    database: Database
    key: SigningKey

    admin = system_actor("test")

    def person(self, *grants: Grant) -> Actor:
        return Actor(id=new_id(), name="某人", grants=grants)

    def reviewer(self, archive: str) -> Actor:
        return self.person(Grant(Role.REVIEWER, archive))

    def archivist(self, archive: str) -> Actor:
        return self.person(Grant(Role.ARCHIVIST, archive))

    def clerk(self, fonds: Fonds) -> Actor:
        return self.person(Grant(Role.CLERK, None, fonds.id))

    def fonds(self, name: str, division: str, session: Session, **more: Any) -> Fonds:
        new = federation.NewFonds(name, division, **more)
        return federation.register_fonds(self.admin, new, session=session)

    def node(self, name: str, *fonds: Fonds, session: Session) -> Node:
        """A node that keeps these fonds, enrolled."""
        invitation = federation.create_node_with_code(
            self.admin,
            name,
            fonds[0].division_code,
            [each.id for each in fonds],
            key=self.key,
            session=session,
        )
        self.enrol(invitation.code, session=session)
        return invitation.node

    def application(self, code: str) -> Application:
        return Application(
            code=code,
            device_public=SigningKey.generate().public.hex,
            seal_public=SigningKey.generate().public.hex,
            instance_id=new_id(),
            version="0.1.0",
        )

    def enrol(self, code: str, *, session: Session) -> dict[str, Any]:
        return enrol(
            self.application(code),
            key=self.key,
            link="embedded:///nowhere",
            holdings=lambda node_id, session: [],
            session=session,
        )

    def record(self, fonds: Fonds, number: int, **more: Any) -> Record:
        """A filed record of this fonds; `more` are fields of the record."""
        year = more.pop("year", 2024)
        made = {
            "id": new_id(),
            "fonds_id": fonds.id,
            "class_code": "WS",
            "year": year,
            "retention": "D30",
            "title": f"关于第{number}号事项的通知",
            "number": number,
            "code": f"{fonds.number or 'J001'}-WS·{year}-D30-BGS-{number:04d}",
            "organ": "BGS",
            "organ_name": "办公室",
            "doc_no": f"宜办发〔{year}〕{number}号",
            "date": date(year, 3, 5),
            "state": "filed",
            "events": (_event(),),
        }
        return Record(**{**made, **more})

    def entries(self, *records: Record | dict[str, Any]) -> list[Entry]:
        wires = [r if isinstance(r, dict) else record_to_wire(r) for r in records]
        return [Entry(n, "record", wire["id"], wire) for n, wire in enumerate(wires, 1)]


def _event() -> Event:
    return Event(new_id(), "归档", now(), "张三", "办公室")


def found(path: Path, database_url: str = "") -> None:
    """A hub in a folder, with its city; closed again."""
    folder = HubFolder.create(path, name="宜昌市档案平台", city=CITY, database=database_url)
    database = folder.database()
    with database.write() as session:
        found_hub(City.admin, folder, session=session)
    Sealer(database, folder.keys.hub).finish()
    database.close()
    folder.establish()


@pytest.fixture(scope="session")
def city_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hub") / "template"
    found(path)
    return path


@pytest.fixture(scope="session")
def city_on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, postgresql: PostgreSQL
) -> tuple[Path, str]:
    """The same on PostgreSQL: the folder, and the name of the database to copy."""
    path = tmp_path_factory.mktemp("hub") / "template"
    name = postgresql.create()
    found(path, postgresql.url(name))
    return path, name


@pytest.fixture
def city(request: pytest.FixtureRequest, tmp_path: Path, database_kind: str) -> Iterator[City]:
    if database_kind == "sqlite":
        shutil.copytree(request.getfixturevalue("city_template"), tmp_path / "hub")
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        template, original = request.getfixturevalue("city_on_postgresql")
        shutil.copytree(template, tmp_path / "hub")
        name = server.create(original)
        settings = replace(HubFolder(tmp_path / "hub").settings, database=server.url(name))
        save_settings(settings, tmp_path / "hub")
    folder = HubFolder(tmp_path / "hub")
    database = folder.database()
    yield City(folder, database, folder.keys.hub())
    database.close()
    if database_kind != "sqlite":
        server.drop(name)


@pytest.fixture
def session(city: City) -> Iterator[Session]:
    with city.database.write() as open_session:
        yield open_session
