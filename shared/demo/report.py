"""What the demo tells people: what is going on, where to find what, and how it ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.demo.city import HUB_NAME, HUB_PEOPLE, OFFICES, PASSWORD
from shared.demo.comparison import HUB, Comparison
from shared.identity.founders import FIRST_LOGINS
from shared.kernel.actor import ROLE_NAMES

_MOST_PROBLEMS = 200
_ROLE_NAMES = {
    "clerk": "文书档案员",
    "leader": "单位负责人",
    "reviewer": "档案审核员",
    "archivist": "档案接收员",
}
_ARCHIVES = {"420500": "宜昌市档案馆", "420506": "夷陵区档案馆", "420583": "枝江市档案馆"}
_COLUMNS = {
    "name": "单位",
    "registered": "登记",
    "filed": "归档",
    "offered": "移交",
    "received": "接收",
    "returned": "退回过",
    "lost": "丢失",
    "doubled": "重复",
    "altered": "改变",
}


def accounts(urls: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every place with its address and its people, as they are shown."""
    found = [
        {
            "slug": "hub",
            "name": HUB_NAME,
            "url": urls["hub"],
            "people": [
                *_three(),
                *(
                    _person(each.login, each.name, _ARCHIVES[str(each.archive)], each.role)
                    for each in HUB_PEOPLE
                ),
            ],
        }
    ]
    for office in OFFICES:
        own = office.fonds[0].name
        people = [
            _person(each.login, each.name, "" if each.fonds == own else str(each.fonds), each.role)
            for each in office.people
        ]
        people += _three()
        found.append(
            {"slug": office.slug, "name": office.name, "url": urls[office.slug], "people": people}
        )
    return found


def _three() -> list[dict[str, str]]:
    return [
        _person(login, ROLE_NAMES[role], ROLE_NAMES[role]) for role, login in FIRST_LOGINS.items()
    ]


def _person(login: str, name: str, where: str, role: str = "") -> dict[str, str]:
    return {"login": login, "name": name, "role": f"{where} {_ROLE_NAMES.get(role, '')}".strip()}


class Reporter:
    """Talks to a terminal, or keeps quiet but for one JSON object at the end."""

    def __init__(self, *, as_json: bool) -> None:
        # With --json standard output is for programs: what goes on is told beside it.
        self._console = Console(stderr=as_json, highlight=False)
        self._start = time.monotonic()

    def say(self, who: str, what: str) -> None:
        """One line about what has just been done."""
        seconds = time.monotonic() - self._start
        self._console.print(f"[dim]{seconds:6.1f} s[/dim]  {who}：{escape(what)}", soft_wrap=True)

    def places(self, urls: Mapping[str, str], folder: Path) -> None:
        """The addresses and accounts, in lines that a narrow terminal has room for."""
        self._console.print(f"\n演示城市（{folder}）", soft_wrap=True)
        three = {person["login"] for person in _three()}
        for line in accounts(urls):
            self._console.print(f"\n[bold]{line['url']}[/bold]  {line['name']}", soft_wrap=True)
            people = Table.grid(padding=(0, 2), pad_edge=True)
            for person in line["people"]:
                if person["login"] not in three:
                    people.add_row(person["login"], person["name"], person["role"])
            self._console.print(people)
        names = "、".join(f"{person['login']}（{person['name']}）" for person in _three())
        self._console.print(f"\n每处另有三员：{names}。", soft_wrap=True)
        self._console.print(f"所有账号的密码都是 [bold]{PASSWORD}[/bold]\n", soft_wrap=True)

    def figures(self, comparison: Comparison) -> None:
        """The table at the end, and what is wrong, if anything is."""
        table = Table(title="核对：数据库与馆藏逐件比对", title_justify="left")
        for name, heading in _COLUMNS.items():
            table.add_column(heading, justify="left" if name == "name" else "right")
        for line in comparison.figures.values():
            table.add_row(*(str(value) for value in asdict(line).values()))
        whole = [str(comparison.total(name)) for name in list(_COLUMNS)[1:]]
        table.add_section()
        table.add_row("合计", *whole)
        self._console.print(table)
        for problem in comparison.problems[:20]:
            self._console.print(f"[red]{problem.node}[/red] {problem.kind}：{problem.sentence}")

    def error(self, sentence: str) -> None:
        """Something that ends the demo."""
        Console(stderr=True, highlight=False).print(f"[red]错误：[/red]{escape(sentence)}")


def as_wire(comparison: Comparison, folder: Path, seconds: float) -> dict[str, Any]:
    """The whole result as one JSON object."""
    lines = [{"node": slug, **asdict(line)} for slug, line in comparison.figures.items()]
    names = [name for name in _COLUMNS if name != "name"]
    return {
        "sound": comparison.sound,
        "dir": str(folder),
        "seconds": round(seconds, 1),
        "total": {name: comparison.total(name) for name in names},
        "nodes": [line for line in lines if line["node"] != HUB],
        "hub": next((line for line in lines if line["node"] == HUB), None),
        "problems": [asdict(each) for each in comparison.problems[:_MOST_PROBLEMS]],
        "python": sys.version.split()[0],
    }
