"""One writer: no verb changes a fonds that is leaving, still arriving, or here as a mirror only."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.orm import Session

from node.corrections import service as corrections
from node.custody import inventory
from node.custody import service as custody
from node.filing import service as filing
from node.filing.models import Box, Step
from node.intake import files as intake_files
from node.intake import service as intake
from node.intake.defaults import Defaults
from node.intake.looking import look_into
from node.office.models import Standing
from node.office.service import fonds_of, set_standing
from node.registry import service as registry
from node.registry.files import keep_file
from node.registry.models import Registered
from node.transfer import service as transfer
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.errors import WrongState
from shared.kernel.identifiers import new_id
from tests.node.conftest import Node
from tests.node.intake.conftest import HEADER, Desk, csv_bytes

EVERYONE = Actor("account:all", "张档案", (Grant(Role.CLERK), Grant(Role.LEADER)))
CODE = {
    Standing.LEAVING: "fonds_leaving",
    Standing.ARRIVING: "fonds_arriving",
    Standing.LEFT: "fonds_left",
}


@dataclass
class Full:
    """A fonds with one of everything, and a session to try verbs in."""

    session: Session
    node: Node
    drafts: list[str]
    loose: list[str]
    volume: str
    filed: str
    expired: str
    received: str
    document: str
    uploaded: str
    checked: str
    batch: str

    @property
    def fonds(self) -> str:
        return self.node.fonds

    def record(self, name: str) -> filing.Record:
        return self.session.get_one(filing.Record, name)

    def box(self) -> Box:
        return self.session.query(Box).filter_by(fonds_id=self.fonds, number="1").one()

    def step(self) -> str:
        return str(self.session.query(Step.id).order_by(Step.made_at.desc()).limit(1).scalar())

    def book(self) -> Registered:
        return self.session.get_one(Registered, self.document)

    def look(self) -> Any:
        path = self.node.folder.path / "sheet.csv"
        path.write_bytes(SHEET)
        return look_into(path, "目录.csv")

    def file(self) -> Any:
        return keep_file(self.node.folder.files, io.BytesIO(b"%PDF-1.4 x"), "正文.pdf")


SHEET = csv_bytes([HEADER, ["关于值班的通知", "樟政办〔2023〕7号", "镇政府", "2023-05-06", "", ""]])
DRAFT = {"title": "新的一件", "holding": "paper"}

Verb = Callable[[Full], object]
VERBS: dict[str, Verb] = {
    "filing.collect": lambda x: filing.collect(EVERYONE, x.fonds, DRAFT, session=x.session),
    "filing.edit": lambda x: filing.edit(
        EVERYONE, x.record(x.drafts[0]), {"title": "另一个题名"}, session=x.session
    ),
    "filing.attach": lambda x: filing.attach(
        EVERYONE, x.record(x.drafts[0]), "正本", x.file(), session=x.session
    ),
    "filing.arrange": lambda x: filing.arrange(
        EVERYONE, x.drafts, {"retention": "Y"}, session=x.session
    ),
    "filing.reorder": lambda x: filing.reorder(EVERYONE, x.drafts[::-1], session=x.session),
    "filing.move": lambda x: filing.move(EVERYONE, x.record(x.drafts[0]), 2, session=x.session),
    "filing.undo": lambda x: filing.undo(EVERYONE, x.step(), session=x.session),
    "filing.put_into": lambda x: filing.put_into(
        EVERYONE, x.record(x.volume), x.loose, session=x.session
    ),
    "filing.take_out": lambda x: filing.take_out(EVERYONE, x.drafts[:1], session=x.session),
    "filing.put_back": lambda x: filing.put_back(EVERYONE, x.drafts, session=x.session),
    "filing.discard": lambda x: filing.discard(
        EVERYONE, x.record(x.drafts[0]), "重复", session=x.session
    ),
    "filing.close_class": lambda x: filing.close_class(
        EVERYONE, x.fonds, "WS", 2023, session=x.session
    ),
    "filing.remove_filed": lambda x: filing.remove_filed(
        EVERYONE, x.record(x.filed), "重复", session=x.session
    ),
    "filing.extend": lambda x: filing.extend(
        EVERYONE, x.record(x.expired), "D30", "仍可查考", session=x.session
    ),
    "filing.dispose": lambda x: filing.dispose(
        EVERYONE,
        x.record(x.expired),
        "无查考价值",
        appraised_by="张鉴定",
        watched_by=("甲", "乙"),
        session=x.session,
    ),
    "filing.draft_numbers": lambda x: filing.draft_numbers(
        EVERYONE, x.fonds, "WS", 2023, session=x.session
    ),
    "filing.clear_drafts": lambda x: filing.clear_drafts(
        EVERYONE, x.fonds, "WS", 2023, session=x.session
    ),
    "filing.write_note": lambda x: filing.write_note(
        EVERYONE, x.box(), {"situation": "齐全"}, session=x.session
    ),
    "filing.move_box": lambda x: filing.move_box(
        EVERYONE, x.box().id, "三楼库房", session=x.session
    ),
    "registry.register": lambda x: registry.register(
        EVERYONE, x.fonds, "incoming", {"title": "来文"}, session=x.session
    ),
    "registry.edit": lambda x: registry.edit(
        EVERYONE, x.book(), {"title": "改过的来文"}, session=x.session
    ),
    "registry.take_in_hand": lambda x: registry.take_in_hand(
        EVERYONE, x.book(), handler="周办事", session=x.session
    ),
    "corrections.ask": lambda x: corrections.ask(
        EVERYONE, x.received, {"title": "应有的题名"}, "漏字", session=x.session
    ),
    "intake.begin": lambda x: intake.begin(
        EVERYONE, new_id(), x.fonds, x.look(), session=x.session
    ),
    "intake.add_sheets": lambda x: intake.add_sheets(
        EVERYONE, x.uploaded, new_id(), x.look(), session=x.session
    ),
    "intake.set_defaults": lambda x: intake.set_defaults(
        EVERYONE, x.uploaded, Defaults(), session=x.session
    ),
    "intake.set_sheet": lambda x: intake.set_sheet(
        EVERYONE, x.uploaded, 0, None, {}, session=x.session
    ),
    "intake.check": lambda x: intake.check(EVERYONE, x.uploaded, session=x.session),
    "intake.take": lambda x: intake.take(EVERYONE, x.checked, session=x.session),
    "intake.discard": lambda x: intake.discard(EVERYONE, x.uploaded, session=x.session),
    "intake.stop": lambda x: intake.stop(EVERYONE, x.checked, session=x.session),
    "intake.add_files": lambda x: intake_files.add_files(
        EVERYONE, x.uploaded, [(new_id(), "正文.pdf", 9)], session=x.session
    ),
    "intake.unpack": lambda x: intake_files.unpack(
        EVERYONE, x.uploaded, new_id(), "文件.zip", 1, session=x.session
    ),
    "intake.drop_files": lambda x: intake_files.drop_files(EVERYONE, x.uploaded, session=x.session),
    "transfer.prepare": lambda x: transfer.prepare(
        EVERYONE, x.fonds, [x.filed], "新的批次", session=x.session
    ),
    "transfer.rename": lambda x: transfer.rename(
        EVERYONE, x.batch, "改名的批次", session=x.session
    ),
    "transfer.inspect": lambda x: transfer.inspect(EVERYONE, x.batch, session=x.session),
    "transfer.approve": lambda x: transfer.approve(EVERYONE, x.batch, session=x.session),
    "transfer.offer": lambda x: transfer.offer(EVERYONE, x.batch, session=x.session),
    "transfer.give_up": lambda x: transfer.give_up(EVERYONE, x.batch, session=x.session),
    "custody.ask": lambda x: custody.ask(
        EVERYONE, x.fonds, "市文化和旅游局", "并入", session=x.session
    ),
}


@pytest.fixture
def full(node: Node, tmp_path: Any) -> Any:
    [one] = node.collect(EVERYONE, 1, year=2021, box="1")
    [two] = node.collect(EVERYONE, 1, year=2020)
    [expired] = node.collect(EVERYONE, 1, year=2010, retention="D10", date="2010-05-06")
    [received] = node.collect(EVERYONE, 1, year=2019)
    for year in (2021, 2020, 2010, 2019):
        node.close(EVERYONE, year=year)
    drafts = node.collect(EVERYONE, 2, box="2")
    loose = node.collect(EVERYONE, 1, year=2022)
    desk = Desk(node, EVERYONE, tmp_path)
    uploaded, checked = desk.bring(SHEET), desk.checked(SHEET)
    with node.database.write() as session:
        volume_id = filing.collect(
            EVERYONE, node.fonds, {**node.rows(1)[0], "level": "volume", "class_code": "WS"},
            session=session,
        ).id  # fmt: skip
        filing.reorder(EVERYONE, drafts[::-1], session=session)
        filing.mark_offered(EVERYONE, [received], session=session)
        filing.mark_received(EVERYONE, [received], session=session)
        batch = transfer.prepare(EVERYONE, node.fonds, [two], "批次", session=session).id
        document = registry.register(
            EVERYONE, node.fonds, "incoming", {"title": "来文"}, session=session
        ).id
    with node.database.write() as session:
        yield Full(
            session, node, drafts, loose, volume_id, one, expired, received,
            document, uploaded, checked, batch,
        )  # fmt: skip
        session.rollback()


def test_every_verb_works_in_an_open_fonds_but_not_in_one_that_is_written_elsewhere(
    full: Full,
) -> None:
    session = full.session
    fonds = fonds_of(full.fonds, session)
    for standing, code in CODE.items():
        set_standing(fonds, standing, "市文化和旅游局", session=session)
        before = inventory.inventory_of(full.fonds, session)
        for name, verb in VERBS.items():
            with pytest.raises(WrongState) as said, session.begin_nested():
                verb(full)
            assert said.value.code == code, name
        assert inventory.inventory_of(full.fonds, session) == before
    set_standing(fonds, Standing.OPEN, session=session)
    codes = set()
    for verb in VERBS.values():
        point = session.begin_nested()
        try:
            verb(full)
        except WrongState as error:
            codes.add(error.code)
        point.rollback()
    assert codes.isdisjoint(CODE.values())
