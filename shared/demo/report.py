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

_MOST_PROBLEMS = 200
_ROLE_NAMES = {
    "clerk": "文书档案员",
    "leader": "单位负责人",
    "reviewer": "档案审核员",
    "archivist": "档案接收员",
    "administrator": "系统管理员",
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
        """The addresses and accounts."""
        table = Table(title=f"演示城市（{folder}）", title_justify="left")
        for heading in ("地址", "是什么", "账号", "密码", "姓名", "角色"):
            table.add_column(heading, overflow="fold")
        self._rows(table, urls["hub"], HUB_NAME, [
            ("admin", "系统管理员", _ROLE_NAMES["administrator"]),
            *(
                (each.login, each.name, f"{_ARCHIVES[str(each.archive)]} {_ROLE_NAMES[each.role]}")
                for each in HUB_PEOPLE
            ),
        ])  # fmt: skip
        for office in OFFICES:
            own = office.fonds[0].name
            self._rows(table, urls[office.slug], office.name, [
                *(
                    (
                        each.login,
                        each.name,
                        _ROLE_NAMES[each.role] + ("" if each.fonds == own else f"（{each.fonds}）"),
                    )
                    for each in office.people
                ),
                ("admin", "管理员", _ROLE_NAMES["administrator"]),
            ])  # fmt: skip
        self._console.print(table)

    def _rows(self, table: Table, url: str, name: str, people: list[tuple[str, str, str]]) -> None:
        for index, (login, person, role) in enumerate(people):
            first = (url, name) if index == 0 else ("", "")
            table.add_row(
                *first, login, PASSWORD, person, role, end_section=person == people[-1][1]
            )

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
