"""A node in a folder of its own, with fonds, accounts as actors, and the clerk's short words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from node.filing import service as filing
from node.office.models import OfficeFonds, OfficeState
from node.office.places import NodeFolder, NodeSettings
from node.office.service import add_local_fonds, office_of, open_office
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.database import Database
from shared.kernel.identifiers import new_id
from shared.kernel.settings import save_settings
from shared.messaging.inbox import open_incoming
from shared.messaging.log import open_outgoing
from shared.messaging.models import OutgoingEntry
from shared.records.divisions import Level
from shared.records.fonds import Fonds, FondsName
from tests.prepared import prepared

TOWN, VILLAGE = new_id(), new_id()


def make_fonds(fonds_id: str, name: str, number: str | None, level: Level) -> Fonds:
    return Fonds(
        id=fonds_id,
        names=(FondsName(name),),
        forming_unit=name,
        division_code="420506100000" if level is Level.TOWNSHIP else "420506100201",
        level=level,
        numbers={"420506": number} if number else {},
        reviewing_archive="420506",
        receiving_archive="420500",
    )


@dataclass
class Node:
    """One node on the disk, and what tests do with it over and over."""

    folder: NodeFolder
    database: Database
    fonds: str = TOWN
    village: str = VILLAGE

    def told(self) -> list[dict[str, Any]]:
        """The records told to the hub, in order."""
        import json

        with self.database.read() as session:
            rows = session.scalars(
                select(OutgoingEntry)
                .where(OutgoingEntry.kind == "record")
                .order_by(OutgoingEntry.seq)
            )
            return [json.loads(row.body) for row in rows]

    def rows(self, count: int = 3, **values: Any) -> list[dict[str, Any]]:
        common = {"year": 2023, "retention": "D30", "organ": "BGS", "organ_name": "办公室"}
        return [
            {
                "title": f"关于第{index}号事项的通知",
                "date": f"2023-{index % 12 + 1:02d}-{index % 28 + 1:02d}",
                "author": "樟村坪镇人民政府",
                "doc_no": f"樟政发〔2023〕{index}号",
                **common,
                **values,
            }
            for index in range(1, count + 1)
        ]

    def collect(self, actor: Actor, count: int = 3, **values: Any) -> list[str]:
        with self.database.write() as session:
            return filing.collect_many(
                actor, self.fonds, self.rows(count, **values), session=session
            ).ids

    def close(self, actor: Actor, class_code: str = "WS", year: int = 2023, **more: Any) -> None:
        with self.database.write() as session:
            filing.close_class(actor, self.fonds, class_code, year, session=session, **more)

    def state(self, record_id: str) -> Mapping[str, Any]:
        """The columns of one record."""
        with self.database.read() as session:
            record = session.get_one(filing.Record, record_id)
            return {column.key: getattr(record, column.key) for column in record.__table__.columns}


@pytest.fixture
def clerk() -> Actor:
    return Actor("account:clerk", "张档案", (Grant(Role.CLERK),))


@pytest.fixture
def leader() -> Actor:
    return Actor("account:leader", "李镇长", (Grant(Role.LEADER),))


@pytest.fixture
def villager() -> Actor:
    return Actor("account:village", "王村文书", (Grant(Role.CLERK, fonds_id=VILLAGE),))


def _open(path: Path) -> None:
    save_settings(NodeSettings(name="樟村坪镇人民政府"), path)
    folder = NodeFolder(path)
    database = folder.database()
    with database.write() as session:
        office = open_office("樟村坪镇人民政府", session=session)
        office.state = OfficeState.ACTIVE
        office.node_id, office.hub_id, office.epoch = new_id(), "hub", 1
        open_outgoing(session, "hub", sender=office.node_id, epoch=1)
        open_incoming(session, "hub", recipient=office.node_id, epoch=1)
        add_local_fonds(
            make_fonds(TOWN, "樟村坪镇人民政府", "A182", Level.TOWNSHIP), session=session
        )
        add_local_fonds(
            make_fonds(VILLAGE, "黄马河村村民委员会", "V001", Level.VILLAGE), session=session
        )
    database.close()


def make_node(path: Path) -> Node:
    prepared(_open, path)
    folder = NodeFolder(path)
    return Node(folder, folder.database())


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = make_node(tmp_path / "node")
    yield made
    made.database.close()


def lose_grant(node: Node) -> None:
    with node.database.write() as session:
        office_of(session).state = OfficeState.RECOVERING


def forget_number(node: Node, fonds_id: str) -> None:
    with node.database.write() as session:
        row = session.get_one(OfficeFonds, fonds_id)
        row.wire = {**row.wire, "numbers": {}}
