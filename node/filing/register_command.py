"""The commands `danglian node register …`: the books 收文, 发文 and 内部, up to filing.

They stand here because bringing a document to file 列入归档 is a verb of this room.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from node.filing.access import ids_seen
from node.filing.acting import acting, command_options, fonds_named
from node.filing.from_registry import send_to_filing
from node.office.places import NodeFolder
from node.registry import service as registry
from node.registry.files import Keeping
from node.registry.models import Registered
from shared.command.main import show, show_table
from shared.kernel.errors import Invalid
from shared.records.roles import roles_named
from shared.records.security import says_declassified
from shared.records.states import DOCUMENT

_COLUMNS = {
    "number": "登记号",
    "title": "题名",
    "doc_no": "文号",
    "state_name": "状态",
    "id": "标识",
}
_FIELDS = (
    *("title", "doc_no", "author", "counterpart", "date", "registered_on", "security"),
    *("urgency", "pages", "remark"),
)
_PLAIN: Mapping[str, Callable[..., Registered]] = {
    "take_in_hand": registry.take_in_hand,
    "close": registry.close,
    "reopen": registry.reopen,
    "reconsider": registry.reconsider,
}
_WITH_REASON: Mapping[str, Callable[..., Registered]] = {
    "not_keep": registry.keep_not,
    "return_to_issuer": registry.return_to_issuer,
    "keep_elsewhere": registry.keep_elsewhere,
}
_VERBS = (*_PLAIN, *_WITH_REASON, "file")


@click.group("register")
def register_command() -> None:
    """收发文：登记、列出、办理（交办、办结、列入归档、不归档、清退、另处保存）。"""


@register_command.command("add")
@click.option("--fonds", default=None, help="全宗：全宗号、名称或标识；只有一个时可省略。")
@click.option(
    "--book",
    type=click.Choice(list(registry.DIRECTIONS)),
    default="incoming",
    show_default=True,
    help="登记簿：incoming 收文，outgoing 发文，internal 内部文件。",
)
@click.option("--set", "pairs", multiple=True, help=f"项=值，可多次：{'、'.join(_FIELDS)}。")
@click.option(
    "--file",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="电子文件，可多次；按文件名认出定稿、处理单等，其余第一个是正本，别的是附件。",
)
@command_options
def add(
    *,
    folder: Path,
    login: str | None,
    as_json: bool,
    fonds: str | None,
    book: str,
    pairs: tuple[str, ...],
    paths: tuple[Path, ...],
) -> None:
    """登记一份文件。"""
    node = NodeFolder(folder)
    values = dict(_pair(each) for each in pairs)
    cleared = says_declassified(values.get("remark"))
    with Keeping(node.files, declassified=cleared) as files:
        stored = []
        for path in paths:
            with path.open("rb") as stream:
                stored.append(files.keep(stream, path.name))
        with node.database().write() as session:
            actor, fonds_id = acting(login, session=session), fonds_named(fonds, session)
            document = registry.register(actor, fonds_id, book, values, session=session)
            for each, role in zip(stored, roles_named([path.name for path in paths]), strict=True):
                registry.attach_file(actor, document, role, each, session=session)
            result = _line(document)
    show(result, as_json=as_json, sentence=f"已登记：{result['number']}《{result['title']}》。")


@register_command.command("list")
@click.option("--state", type=click.Choice(list(DOCUMENT.states)), default=None)
@command_options
def list_documents(folder: Path, login: str | None, as_json: bool, state: str | None) -> None:
    """列出登记的文件。"""
    with NodeFolder(folder).database().read() as session:
        seen = ids_seen(acting(login, session=session), session=session)
        query = select(Registered).where(Registered.fonds_id.in_(seen))
        if state is not None:
            query = query.where(Registered.state == state)
        found = session.scalars(query.order_by(Registered.year, Registered.id))
        rows = [_line(document) for document in found]
    show_table(rows, _COLUMNS, as_json=as_json, title="收发文", key="documents")


@register_command.command("move")
@click.argument("document_id")
@click.argument("verb", type=click.Choice(_VERBS))
@click.option("--reason", default=None, help="不归档、清退、另处保存须写明。")
@command_options
def move(
    *,
    folder: Path,
    login: str | None,
    as_json: bool,
    document_id: str,
    verb: str,
    reason: str | None,
) -> None:
    """办理：交办、办结、重新办理、列入归档、不归档、清退、另处保存、改回办结。"""
    with NodeFolder(folder).database().write() as session:
        actor = acting(login, session=session)
        document = registry.document_of(actor, document_id, session=session)
        if verb == "file":
            send_to_filing(actor, document, session=session)
        elif verb in _WITH_REASON:
            _WITH_REASON[verb](actor, document, reason or "", session=session)
        else:
            _PLAIN[verb](actor, document, session=session)
        result = _line(document)
    show(result, as_json=as_json, sentence=f"{result['number']} 现为“{result['state_name']}”。")


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or name.strip() not in _FIELDS:
        raise Invalid(
            "set", f"“{text}”的写法不对。", f"应为 项=值；可用的项：{'、'.join(_FIELDS)}。"
        )
    return name.strip(), value


def _line(document: Registered) -> dict[str, Any]:
    return {
        "id": document.id,
        "fonds_id": document.fonds_id,
        "number": document.number,
        "title": document.title,
        "doc_no": document.doc_no,
        "date": document.date,
        "state": document.state,
        "state_name": DOCUMENT.label(document.state),
        "record_id": document.record_id,
    }
