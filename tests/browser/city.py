"""A small city as real processes: one hub, and the offices that a story needs.

Everything happens through the command `danglian` and over HTTP, as on the machines of a city. The
places and units are those of the demo; the people are the ones that the stories tell of.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.demo.city import (
    AGREEMENT_BASIS,
    CITY,
    CITY_ARCHIVE,
    OFFICES,
    YILING_ARCHIVE,
    ZHIJIANG_ARCHIVE,
    Office,
    Person,
)
from shared.demo.commands import Commands
from shared.demo.generator import Paper, papers_of, write_files
from shared.demo.services import Service, free_port
from tests.city import base_port

PASSWORD = "yichang-2024"
HUB_NAME = "宜昌市档案管理平台"
_COLUMNS = (
    *("题名", "文号", "责任者", "日期", "页数", "电子文件"),
    *("保管期限", "机构问题缩写", "机构或问题"),
)
#: So many of them say nothing of how it is arranged.
_PLAIN = 6
_ARCHIVISTS = (
    ("shenhe", "李文静", "reviewer", YILING_ARCHIVE),
    ("zhijiang", "周志远", "reviewer", ZHIJIANG_ARCHIVE),
    ("jieshou", "王建国", "archivist", CITY_ARCHIVE),
)


@dataclass
class Room:
    """The record room of one office: its node, where it is, and the fonds that it keeps."""

    city: City
    office: Office
    folder: Path
    node_id: str
    #: Name of the fonds to its id.
    fonds: dict[str, str]
    url: str = ""

    @property
    def main_fonds(self) -> str:
        """The id of the office's own fonds."""
        return self.fonds[self.office.fonds[0].name]

    def run(self, *words: str | Path) -> dict[str, Any]:
        """A command of this node: the words before the data folder, then the others."""
        return self.city.run("node", *words, "--dir", self.folder)

    def add(self, *people: Person) -> None:
        """Give people an account each."""
        for person in people:
            self.run(
                *("user", "add", "--login", person.login, "--name", person.name),
                *("--role", person.role, "--password", PASSWORD, "--by-password", PASSWORD),
                *(("--fonds", person.fonds) if person.fonds else ()),
            )
        logins = [person.login for person in people]
        self.run("user", "grant", *logins, "--by-password", PASSWORD)

    def papers(self, year: int, count: int, *, fonds: int = 0) -> list[Paper]:
        """Made-up papers of one of its units."""
        return papers_of(self.office.fonds[fonds].unit, year, count, seed=7)

    def collect(
        self,
        papers: Sequence[Paper],
        *,
        login: str,
        fonds: int = 0,
        arranged: bool = True,
        without_author: int = 0,
    ) -> None:
        """File papers with their computer files, from a spreadsheet as offices have them.

        `arranged` says whether the sheet tells retention and organ; so many of those whose letter
        is a PDF lack their author.
        """
        folder = self.city.folder / f"papers-{papers[0].year}-{fonds}"
        folder.mkdir(exist_ok=True)
        sheet = folder / "目录.csv"
        with sheet.open("w", encoding="utf-8-sig", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(_COLUMNS[: None if arranged else _PLAIN])
            for number, paper in enumerate(papers, 1):
                files = write_files(paper, folder, f"{number:03d}", seed=7)
                lacks_author = without_author > 0 and files[0].path.suffix == ".pdf"
                without_author -= lacks_author
                row = (
                    paper.title,
                    paper.doc_no or "",
                    "" if lacks_author else paper.author,
                    paper.day.isoformat(),
                    str(paper.pages),
                    ";".join(each.path.name for each in files),
                    *(paper.retention, paper.organ, paper.organ_name),
                )
                table.writerow(row[: None if arranged else _PLAIN])
        answer = self.run(
            *("import", sheet, "--files", folder, "--fonds", self.office.fonds[fonds].name),
            *("--year", str(papers[0].year), "--take-good", "--as", login),
        )
        assert answer["taken"] == len(papers), answer

    def hand_over(self, title: str, year: int, *, clerk: str, leader: str) -> str:
        """Close the class of a year and offer all of it; returns the batch."""
        name = self.office.fonds[0].name
        self.run("file", "close", "--fonds", name, "--year", str(year), "--as", clerk)
        batch = self.run(
            *("transfer", "prepare", "--fonds", name, "--year", str(year)),
            *("--title", title, "--as", clerk),
        )["id"]
        self.run("transfer", "opinions", batch, "--opening", "open", "--as", clerk)
        self.run("transfer", "inspect", batch, "--as", clerk)
        self.run("transfer", "approve", batch, "--as", leader)
        self.run("transfer", "offer", batch, "--as", clerk)
        return str(batch)


@dataclass
class City:
    """The hub, its offices, and what runs."""

    folder: Path
    run: Commands = field(default_factory=Commands)
    services: list[Service] = field(default_factory=list)
    rooms: dict[str, Room] = field(default_factory=dict)

    @property
    def hub(self) -> Path:
        """The hub's data folder."""
        return self.folder / "hub"

    @property
    def hub_url(self) -> str:
        """Where the hub's pages are."""
        return self.services[0].url

    def found(self) -> None:
        """Make the hub with its people, and start it."""
        port = free_port(base_port())
        self.run(
            *("hub", "init", "--dir", self.hub, "--name", HUB_NAME, "--city", CITY),
            *("--port", str(port), "--admin-password", PASSWORD),
        )
        for login, name, role, archive in _ARCHIVISTS:
            self.run(
                *("hub", "user", "add", "--dir", self.hub, "--login", login, "--name", name),
                *("--role", role, "--archive", archive, "--password", PASSWORD),
                *("--by-password", PASSWORD),
            )
        logins = [login for login, *_ in _ARCHIVISTS]
        self.run("hub", "user", "grant", *logins, "--dir", self.hub, "--by-password", PASSWORD)
        self.run(
            *("hub", "agreement", "add", "--dir", self.hub, "--archive", YILING_ARCHIVE),
            *("--basis", AGREEMENT_BASIS),
        )
        self._serve("hub", ["hub", "run", "--dir", str(self.hub)], port)

    def open_office(self, slug: str) -> Room:
        """Open one of the demo's offices."""
        return self.open(next(each for each in OFFICES if each.slug == slug))

    def open(self, office: Office) -> Room:
        """Register an office's fonds at the hub, enrol its node, and give its people accounts."""
        fonds = {
            each.name: self.run(
                *("hub", "fonds", "add", "--dir", self.hub, "--name", each.name),
                *("--division", each.division, "--number", each.number, "--since", "2001-03-01"),
            )["fonds_id"]
            for each in office.fonds
        }
        invited = self.run(
            *("hub", "node", "add", "--dir", self.hub, "--name", office.name),
            *("--division", office.division),
            *(word for each in fonds.values() for word in ("--fonds", each)),
        )
        folder = self.folder / office.slug
        self.run(
            *("node", "init", "--dir", folder, "--name", office.name, "--slug", office.slug),
            *("--hub", self.hub_url, "--code", invited["code"]),
            *("--admin-password", PASSWORD),
        )
        room = Room(self, office, folder, invited["node_id"], fonds)
        room.add(*office.people)
        self.rooms[office.slug] = room
        return room

    def serve_offices(self, *slugs: str) -> None:
        """One process for these offices; more than one are served under their short names."""
        folders = [word for slug in slugs for word in ("--dir", str(self.rooms[slug].folder))]
        service = self._serve("-".join(slugs), ["node", "run", *folders], free_port(base_port()))
        for slug in slugs:
            self.rooms[slug].url = service.url + (f"/{slug}" if len(slugs) > 1 else "")

    def _serve(self, name: str, arguments: list[str], port: int) -> Service:
        log = self.folder / "logs" / f"{name}.log"
        service = Service(name, arguments, port, log)
        self.services.append(service)
        service.start()
        service.wait_ready()
        return service

    def log_tails(self) -> str:
        """The ends of all logs, for a failure that nobody understands."""
        return "\n\n".join(f"{each.name}:\n{each.log_tail()}" for each in self.services)

    def stop(self) -> None:
        """Stop everything that was started."""
        for service in reversed(self.services):
            service.stop()
        self.run.close()
