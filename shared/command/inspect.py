"""`danglian inspect`: 四性检测 of files, folders and packages by themselves; no data folder."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared.command.inspection_told import lines_of, page_of, paper_of, wire_of
from shared.command.main import json_option, show
from shared.command.trusting import trusting
from shared.storage.temporary import telling_of_trouble

if TYPE_CHECKING:
    from shared.inspection.report import Report
    from shared.inspection.subject import Context
    from shared.packaging.eep import Trust

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
@click.option(
    "--pdf",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="另外写一份存档用的检测报告（PDF，没有签名）。",
)
@click.option(
    "--clamd",
    metavar="ADDRESS",
    help="查毒软件 clamd 的地址，如 unix:/run/clamav/clamd.ctl；不填则不查毒，写“未检测”。",
)
@click.option(
    "--media-decoder",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, resolve_path=True),
    help="ffmpeg 程序的路径：音像文件用它解码到末尾。",
)
@json_option
@trusting
def inspect(
    path: Path,
    *,
    stage: str,
    scheme: str | None,
    html: Path | None,
    pdf: Path | None,
    clamd: str | None,
    media_decoder: Path | None,
    trust: Trust,
    as_json: bool,
) -> None:
    """四性检测一个文件、一个目录里的全部文件，或一个信息包、载体里的每件档案。

    信息包和载体：档联信息包、DA/T 48 封装包、DA/T 93 件级信息包、档发〔2012〕7号的载体，是文件、
    目录、ZIP 或光盘映像都可以。

    退出码：0 全部通过；1 有不合格；2 命令用错，或路径、方案不对；3 没有不合格，但有项目须由人工或
    查毒软件完成。
    """
    from shared.inspection.clamd import Clamd
    from shared.inspection.decoder import decoder_at
    from shared.inspection.foreign import form_of_path
    from shared.inspection.report import Stage
    from shared.inspection.scheme import load_scheme
    from shared.inspection.subject import Context

    with telling_of_trouble():
        by = load_scheme(scheme) if scheme else load_scheme()
        decoder = decoder_at(str(media_decoder)) if media_decoder else None
        scanner = Clamd(clamd) if clamd else None
        context = Context(
            stage=Stage(stage),
            scheme=by,
            scan=scanner.scan if scanner else None,
            scanner=scanner.scanner() if scanner else None,
            decoder=decoder,
        )
        paths = list(_files(path))
        # A form may be a folder: then it is one thing, and its files are inspected as its records.
        whole = path.is_dir() and form_of_path(path) is not None
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            found = pool.map(
                lambda each: _inspected(each, context, trust), [path] if whole else paths
            )
            named = [
                (_named(path, each, name, whole=whole), report)
                for each, reports in zip([path] if whole else paths, found, strict=True)
                for name, report in reports
            ]
        wire = wire_of(stage, named)
        if html is not None:
            html.write_text(page_of(wire), encoding="utf-8")
        if pdf is not None:
            pdf.write_bytes(paper_of(path, paths, named, context))
    show(wire, as_json=as_json, sentence="\n".join(lines_of(wire)))
    sys.exit({"passed": 0, "failed": _FAILED, "open": _OPEN}[wire["verdict"]])


def _named(path: Path, each: Path, name: str, *, whole: bool) -> str:
    """What a subject is called: its place in the folder, and within a form its archival code."""
    place = str(each.relative_to(path)) if path.is_dir() and not whole else each.name
    return place if name == each.name else f"{place}：{name}"


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


def _inspected(path: Path, context: Context, trust: Trust) -> list[tuple[str, Report]]:
    from shared.inspection.foreign import form_of_path, inspect_form
    from shared.inspection.loose import inspect_file
    from shared.inspection.run import inspect_package

    if path.is_file() and _is_package(path):
        seal = next(iter(trust.seals), None)
        return [(path.name, inspect_package(path, replace(context, seal=seal)))]
    if form_of_path(path) is not None:
        return list(inspect_form(path, context, trust))
    return [(path.name, inspect_file(path, context))]


def _is_package(path: Path) -> bool:
    """Whether a file is meant to be a package of ours; the inspection says what is wrong in it."""
    from shared.packaging.manifest import MANIFEST, RECORD

    try:
        with zipfile.ZipFile(path) as archive:
            return {MANIFEST, RECORD} <= set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False  # then it is inspected as a file, which names what is broken in it
