"""An office's people at work: they register, import, arrange, close, hand over and correct.

Each step looks what there is, by the same commands that a person would use, and does what is
missing. So it does not matter after which step the demo was killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from shared.demo.city import FondsPlan, Office
from shared.demo.commands import CommandFailed, Commands
from shared.demo.comparison import Given, read_given, write_given
from shared.demo.generator import Paper, write_files
from shared.demo.goals import CORRECTED_MARK, Goal, Goals, batch_sizes, number_in
from shared.demo.plan import CLOSED_YEARS, CityPlan, RegisterPlan, SheetPlan
from shared.demo.sheets import given_paper, write_sheet

Say = Callable[[str, str], None]
Row = dict[str, Any]

#: What is handed over; D10 stays with the unit (《各级各类档案馆收集档案范围的规定》).
_HANDED_OVER = ("Y", "D30")
_STATION = {
    "offered": Goal.UNDER_REVIEW,
    "returned": Goal.CONCLUDED,
    "accepted": Goal.CONCLUDED,
    "corrected": Goal.CONCLUDED,
    "signed": Goal.SIGNED,
    "received": Goal.RECEIVED,
}
#: In which states of the hub a batch may be when its node says this.
_SAME_AT_HUB = {
    "offered": ("arriving", "checking", "under_review"),
    "returned": ("returned",),
    "accepted": ("accepted",),
    "corrected": ("corrected",),
    "signed": ("signed_by_unit",),
    "received": ("received",),
    "withdrawn": ("withdrawn",),
}
#: What is asked for of the first records of each fonds' second batch once they are received: the
#: archive makes the one and declines the other.
_ASKED_FOR = (
    ("pages=6", "清点后实为6页。"),
    ("remark=另有一份复印件。", "补充说明。"),
)
#: What each registered document of an office comes to, in turn.
_REGISTER_VERBS: tuple[tuple[tuple[str, str | None], ...], ...] = (
    (),
    (("take_in_hand", None),),
    (("take_in_hand", None), ("close", None)),
    (("close", None), ("not_keep", "上级普发、不需办理的文件")),
    (("take_in_hand", None), ("close", None), ("file", None)),
    (("close", None), ("return_to_issuer", "2024年12月清退")),
)


class Room:
    """One office at work with its own node."""

    def __init__(
        self, office: Office, folder: Path, papers: Path, *, plan: CityPlan, say: Say, goals: Goals
    ) -> None:
        self.office = office
        self.folder = folder
        self.commands = Commands()
        self._papers = papers
        self._plan = plan
        self._say = say
        self._goals = goals
        self._sheets = [each for each in plan.sheets() if each.office is office]
        self._register = next(each for each in plan.registers() if each.office is office)
        self._filled = False
        self._answered: set[str] = set()
        self._fonds_ids: dict[str, str] = {}
        self._due_ids: dict[str, list[str]] = {}
        self.state: object = None

    # ---- what it was given

    def given(self) -> Iterator[Given]:
        """Everything that was given to this office so far."""
        for path in sorted(self._papers.glob("*.given.json")):
            yield from read_given(path)

    # ---- one pass

    def step(self) -> bool:
        """Do what can be done now; True when everything is where it shall be."""
        if not self._filled:
            for sheet in self._sheets:
                there = self._import(sheet)
                if sheet.closes:
                    self._close(sheet, there)
            self._register_documents(self._register)
            self._filled = True
        return self._hand_over()

    def settled(self, hub: Mapping[str, str], correcting: bool) -> bool:
        """Whether hub and node say the same of every batch, and nothing is on its way.

        `hub` has the state of each batch there, `correcting` whether it is about to make a
        correction. After a restore one side may know less for a while.
        """
        if correcting:
            return False
        for batch in self._batches():
            ends = _SAME_AT_HUB.get(batch["state"])
            if ends is not None and hub.get(batch["id"]) not in ends:
                return False
        return int(self._node("status")["waiting"]) == 0

    # ---- filling

    def _import(self, sheet: SheetPlan) -> list[Row]:
        """Import a sheet unless all of it is there; returns what was there before."""
        there = self._records(sheet.fonds, sheet.year)
        if len(there) >= len(sheet.papers):
            return there
        given = self._papers / f"{sheet.name}.given.json"
        path, files, papers = write_sheet(sheet, self._papers, self._plan.seed)
        write_given(given, papers)
        clerk = self.office.clerk_of(sheet.fonds)
        answer = self._node(
            "import", path, "--fonds", sheet.fonds.number, "--files", files, "--take-good",
            "--rejected", self._papers / f"{sheet.name}-问题行.xlsx", as_=clerk.login,
        )  # fmt: skip
        self._say(
            sheet.fonds.name,
            f"导入 {sheet.year} 年目录：{answer['taken']} 件，有问题 {answer['bad']} 行",
        )
        return there

    def _close(self, sheet: SheetPlan, there: list[Row]) -> None:
        """Close the class of a year, unless it is closed."""
        if any(each["state"] not in ("collected", "arranging") for each in there):
            return
        clerk = self.office.clerk_of(sheet.fonds)
        closed = self._node(
            "file", "close", "--fonds", sheet.fonds.number, "--year", str(sheet.year),
            as_=clerk.login,
        )  # fmt: skip
        self._say(sheet.fonds.name, f"{sheet.year} 年度定号，{closed['records']} 件")

    def _records(self, fonds: FondsPlan, year: int) -> list[Row]:
        """The records of a year that came by a sheet."""
        found: list[Row] = self._node(
            "file", "list", "--fonds", fonds.number, "--year", str(year), "--limit", "1000000",
            as_=self.office.clerk_of(fonds).login,
        )["records"]  # fmt: skip
        return [each for each in found if each["state"] != "void"]

    def _register_documents(self, plan: RegisterPlan) -> None:
        clerk = self.office.clerk
        papers = []
        for number, paper in enumerate(plan.papers):
            folder = self._papers / "register"
            folder.mkdir(parents=True, exist_ok=True)
            made = write_files(paper, folder, f"{number:02d}", self._plan.seed)
            papers.append((paper, [each.path for each in made]))
        given = [given_paper(plan.fonds.name, paper, files) for paper, files in papers]
        write_given(self._papers / "register.given.json", given)
        there = {
            (each["title"], each["doc_no"], each["date"]): each
            for each in self._node("register", "list", as_=clerk.login)["documents"]
        }
        for number, (paper, files) in enumerate(papers):
            document = there.get((paper.title, paper.doc_no, paper.day.isoformat()))
            if document is None:
                document = self._enter(plan, paper, files)
            self._bring_on(document, _REGISTER_VERBS[number % len(_REGISTER_VERBS)])

    def _enter(self, plan: RegisterPlan, paper: Paper, files: list[Path]) -> Row:
        day = paper.day.isoformat()
        values = {
            "title": paper.title,
            "doc_no": paper.doc_no or "",
            "author": paper.author,
            "date": day,
            "registered_on": day,
            "pages": str(paper.pages),
        }
        arguments: list[str | Path] = []
        for name, value in values.items():
            arguments += ["--set", f"{name}={value}"] if value else []
        for path in files:
            arguments += ["--file", path]
        return self._node(
            "register", "add", "--fonds", plan.fonds.number, "--book", str(paper.kind), *arguments,
            as_=self.office.clerk.login,
        )  # fmt: skip

    def _bring_on(self, document: Row, verbs: tuple[tuple[str, str | None], ...]) -> None:
        """Do the verbs that are still to be done; each state tells which they are."""
        done = {
            "registered": 0,
            "in_hand": 1,
            "closed": sum(verb in ("take_in_hand", "close") for verb, _ in verbs),
        }.get(document["state"], len(verbs))
        for verb, reason in verbs[done:]:
            with_reason = ["--reason", reason] if reason else []
            self._node(
                "register", "move", document["id"], verb, *with_reason,
                as_=self.office.clerk.login,
            )  # fmt: skip

    # ---- handing over

    def _hand_over(self) -> bool:
        self.state = found = self._batches()
        done = True
        for fonds in self.office.fonds:
            if fonds.hands_over:
                own = [each for each in found if each["fonds_id"] == self._fonds_id(fonds)]
                done = self._hand_over_fonds(fonds, own) and done
        return done

    def _hand_over_fonds(self, fonds: FondsPlan, batches: list[Row]) -> bool:
        if self._prepare_all(fonds, {each["title"] for each in batches}):
            return False
        corrected = {each["corrects"] for each in batches}
        done = True
        for batch in batches:
            goal = self._goals(batch["title"], fonds)
            try:
                done = self._move(batch, fonds, goal, corrected) and done
                done = self._ask_for_corrections(batch, fonds) and done
            except CommandFailed as error:
                if error.code not in _FOR_NOW:
                    raise
                done = False
        return done

    def _ask_for_corrections(self, batch: Row, fonds: FondsPlan) -> bool:
        """Ask for what is to be corrected in a received batch; True when all is answered."""
        first = number_in(batch["title"]) == 2 and CORRECTED_MARK not in batch["title"]
        if not first or batch["state"] != "received" or fonds.number in self._answered:
            return True
        clerk = self._clerk(fonds)
        lines = self._node("transfer", "show", batch["id"], as_=clerk)["lines"]
        asked = self._node("correction", "list", as_=clerk)["corrections"]
        states = {each["record_id"]: each["state"] for each in asked}
        for line, (change, reason) in zip(lines, _ASKED_FOR, strict=False):
            if line["record_id"] not in states:
                self._node(
                    "correction", "ask", line["record_id"], "--set", change, "--reason", reason,
                    as_=clerk,
                )  # fmt: skip
                states[line["record_id"]] = "asked"
                self._say(fonds.name, f"向档案馆请求更正 {line['code']}")
        if "asked" in states.values():
            return False
        self._answered.add(fonds.number)
        return True

    def _prepare_all(self, fonds: FondsPlan, titles: set[str]) -> bool:
        """Prepare every batch that is not there yet; whether there was one."""
        prepared = False
        first = 0
        for number, size in enumerate(batch_sizes(self._due(fonds)), 1):
            title = f"{CLOSED_YEARS[0]}—{CLOSED_YEARS[-1]}年度文书档案移交（第{number}批）"
            if title not in titles:
                chosen = self._due_records(fonds)[first : first + size]
                named = [argument for each in chosen for argument in ("--record", each)]
                self._node(
                    "transfer", "prepare", "--fonds", fonds.number, "--title", title, *named,
                    as_=self._clerk(fonds),
                )  # fmt: skip
                prepared = True
                self._say(fonds.name, f"建立第 {number} 批，{size} 件")
            first += size
        return prepared

    def _due(self, fonds: FondsPlan) -> int:
        """How many records of a fonds are handed over, as it was planned."""
        return sum(
            paper.retention in _HANDED_OVER
            for sheet in self._sheets
            if sheet.fonds is fonds and sheet.closes
            for paper in sheet.papers
        )

    def _due_records(self, fonds: FondsPlan) -> list[str]:
        """The records that are handed over, in the order of their codes, which never changes."""
        if fonds.number not in self._due_ids:
            self._due_ids[fonds.number] = [
                each["id"]
                for year in CLOSED_YEARS
                for each in self._records(fonds, year)
                if each["retention"] in _HANDED_OVER
            ]
        return self._due_ids[fonds.number]

    def _move(self, batch: Row, fonds: FondsPlan, goal: Goal, corrected: set[str | None]) -> bool:
        """Bring one batch on by what is to be done in its state; True when it is at its goal."""
        state = batch["state"]
        if state == "preparing":
            return goal < Goal.UNDER_REVIEW or self._approve(batch, fonds)
        if state == "approved":
            if not batch["offering"]:
                self._node("transfer", "offer", batch["id"], "--no-wait", as_=self._clerk(fonds))
                self._say(fonds.name, f"“{batch['title']}”提交移交，{batch['records']} 件")
            return False
        if state in ("accepted", "corrected") and goal >= Goal.SIGNED:
            self._node("transfer", "sign", batch["id"], as_=self.office.leader.login)
            self._say(fonds.name, f"“{batch['title']}”单位已签字")
            return False
        came_back = state in ("returned", "withdrawn") or (
            state == "received" and batch["returned"]
        )
        if came_back and batch["id"] not in corrected and goal >= Goal.RECEIVED:
            return self._correct(batch, fonds)
        return _STATION.get(state, Goal.PREPARING) >= goal or batch["id"] in corrected

    def _approve(self, batch: Row, fonds: FondsPlan) -> bool:
        clerk = self._clerk(fonds)
        self._node(
            "transfer", "opinions", batch["id"], "--opening", "open", "--publicity", "on_request",
            "--basis", "《中华人民共和国政府信息公开条例》", as_=clerk,
        )  # fmt: skip
        self._node("transfer", "inspect", batch["id"], as_=clerk)
        self._node("transfer", "approve", batch["id"], as_=self.office.leader.login)
        self._say(fonds.name, f"“{batch['title']}”检测合格，负责人已批准")
        return False

    def _correct(self, batch: Row, fonds: FondsPlan) -> bool:
        """Correct each returned record in the field that its reason names, then offer again.

        True when nothing is left to correct: another batch has all that came back.
        """
        clerk = self._clerk(fonds)
        lines = self._node("transfer", "show", batch["id"], as_=clerk)["lines"]
        back = [each for each in lines if each["state"] == "filed"]
        if not back:
            return True
        for line in back:
            for reason in line["reasons"]:
                if change := _mended(reason):
                    self._node("file", "edit", line["record_id"], "--set", change, as_=clerk)
        title = batch["title"].replace("批）", f"批{CORRECTED_MARK}）")
        again = self._node("transfer", "correct", batch["id"], "--title", title, as_=clerk)
        self._say(fonds.name, f"“{batch['title']}”更正后重新移交，{again['records']} 件")
        return False

    def _clerk(self, fonds: FondsPlan) -> str:
        return self.office.clerk_of(fonds).login

    def _batches(self) -> list[Row]:
        found: list[Row] = self._node("transfer", "list", as_=self.office.leader.login)["batches"]
        return found

    def _fonds_id(self, fonds: FondsPlan) -> str:
        if not self._fonds_ids:
            kept = self._node("status")["fonds"]
            self._fonds_ids = {each["name"]: str(each["id"]) for each in kept}
        return self._fonds_ids[fonds.name]

    def _node(self, *arguments: str | Path, as_: str | None = None) -> Row:
        acting = ("--as", as_) if as_ else ()
        return self.commands("node", *arguments, *acting, "--dir", self.folder)


#: What another process or the hub is busy with, or what it will be ready for in a moment.
_FOR_NOW = frozenset({"wrong_state", "conflict", "unavailable", "no_grant", "not_inspected"})


def _mended(reason: Mapping[str, Any]) -> str | None:
    """What a clerk writes for a reason: a value in the field that it names."""
    return {"pages": "pages=5", "remark": "remark=附件齐全。"}.get(str(reason.get("field")))
