"""`danglian inspect`: 四性检测 of a file, a folder or a package by itself; no data folder."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.command.main import json_option, show
from shared.storage.temporary import telling_of_trouble

if TYPE_CHECKING:
    from shared.inspection.report import Report
    from shared.inspection.subject import Context

#: Exit codes: something failed; or nothing failed, and something is left for a person or a scanner.
_FAILED, _OPEN = 1, 3
_STAGES = ("GD", "YJ", "BC")
_MOST_FILES = 100_000


@click.command("inspect")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--stage",
    type=click.Choice(_STAGES),
    default="YJ",
    show_default=True,
    help="环节：GD 归档，YJ 移交与接收，BC 长期保存。",
)
@click.option("--scheme", metavar="VERSION", help="检测方案的版本；不填则用现行方案。")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="另外写一份可在浏览器中打开的报告。",
)
@json_option
def inspect(
    path: Path, *, stage: str, scheme: str | None, html: Path | None, as_json: bool
) -> None:
    """四性检测一个文件、一个目录里的全部文件，或一个信息包。

    退出码：0 全部通过；1 有不合格；3 没有不合格，但有项目须由人工或查毒软件完成。
    """
    from shared.inspection.report import Stage
    from shared.inspection.scheme import load_scheme
    from shared.inspection.subject import Context

    with telling_of_trouble():
        by = load_scheme(scheme) if scheme else load_scheme()
        context = Context(stage=Stage(stage), scheme=by)
        paths = list(_files(path))
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            reports = list(pool.map(lambda each: _inspected(each, context), paths))
        names = [str(each.relative_to(path)) if path.is_dir() else each.name for each in paths]
        wire = _wire(stage, names, reports)
        if html is not None:
            html.write_text(_page(wire), encoding="utf-8")
    show(wire, as_json=as_json, sentence="\n".join(_lines(wire)))
    sys.exit({"passed": 0, "failed": _FAILED, "open": _OPEN}[wire["verdict"]])


def _files(path: Path) -> Iterator[Path]:
    """The file, or every file of the folder in the order of names; links are not followed."""
    from shared.kernel.errors import Invalid

    if not path.is_dir():
        yield path
        return
    found = sorted(each for each in path.rglob("*") if each.is_file() and not each.is_symlink())
    if not found:
        raise Invalid("path", "目录中没有文件。", "请核对路径。")
    if len(found) > _MOST_FILES:
        raise Invalid("path", f"目录中的文件超过 {_MOST_FILES} 个。", "请分几次检测。")
    yield from found


def _inspected(path: Path, context: Context) -> Report:
    from shared.inspection.loose import inspect_file
    from shared.inspection.run import inspect_package

    return inspect_package(path, context) if _is_package(path) else inspect_file(path, context)


def _is_package(path: Path) -> bool:
    """Whether a file is meant to be a package of ours; the inspection says what is wrong in it."""
    from shared.packaging.manifest import MANIFEST, RECORD

    try:
        with zipfile.ZipFile(path) as archive:
            return {MANIFEST, RECORD} <= set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False  # then it is inspected as a file, which names what is broken in it


def _wire(stage: str, names: Sequence[str], reports: Sequence[Report]) -> dict[str, Any]:
    subjects = [
        {
            "subject": name,
            "verdict": _verdict([report]),
            "conclusion": report.conclusion,
            "items": [
                {
                    "item": each.number,
                    "name": each.name,
                    "outcome": str(each.outcome),
                    "reason": each.reason,
                    "findings": [
                        found.to_wire() for found in report.findings if found.number == each.number
                    ],
                }
                for each in report.checks
            ],
        }
        for name, report in zip(names, reports, strict=True)
    ]
    return {
        "tool": reports[0].tool,
        "stage": stage,
        "scheme": reports[0].scheme,
        "at": reports[0].at,
        "verdict": _verdict(reports),
        "subjects": subjects,
    }


def _verdict(reports: Sequence[Report]) -> str:
    """`failed`, `open` (something was not examined) or `passed`, which alone says all is right."""
    if not all(each.passed for each in reports):
        return "failed"
    return "open" if any(each.undecided for each in reports) else "passed"


_VERDICTS = {"passed": "通过", "failed": "不通过", "open": "未见不合格，尚有未完成的检测项"}


def _lines(wire: dict[str, Any]) -> Iterator[str]:
    """Problems first; what is in order is only counted."""
    for each in sorted(wire["subjects"], key=lambda subject: subject["verdict"] != "failed"):
        found = [finding for item in each["items"] for finding in item["findings"]]
        if found:
            yield f"{each['subject']}：{_VERDICTS[each['verdict']]}"
        for finding in found:
            mark = "✗" if finding["severity"] == "error" else "？"
            yield f"  {mark} {finding['number']} {finding['problem']}{finding['remedy']}"
    clean = sum(all(not item["findings"] for item in each["items"]) for each in wire["subjects"])
    yield f"共 {len(wire['subjects'])} 个，其中 {clean} 个没有发现问题。"
    yield f"结论：{_VERDICTS[wire['verdict']]}。"
    open_items = {
        f"{item['item']} {item['name']}"
        for each in wire["subjects"]
        for item in each["items"]
        if item["outcome"] in ("not_run", "manual")
    }
    if open_items:
        yield f"未完成的检测项：{'、'.join(sorted(open_items))}。"


def _page(wire: dict[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader

    from shared.kernel.clock import local_text, parse_utc

    pages = Environment(loader=PackageLoader("shared.command", "templates"), autoescape=True)
    return pages.get_template("inspection.html").render(
        report=wire, at=local_text(parse_utc(wire["at"])), verdicts=_VERDICTS, outcomes=_outcomes()
    )


def _outcomes() -> dict[str, str]:
    from shared.inspection.report import OUTCOME_NAMES

    return {str(outcome): name for outcome, name in OUTCOME_NAMES.items()}
