"""`danglian node`: the commands of a record room."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.accounts import user_group
from node.check_config import weaknesses
from node.clerks.command import change_clerk_command
from node.corrections.command import correction_command
from node.custody.command import hand_over_command
from node.filing.command import file_command
from node.filing.register_command import register_command
from node.intake.command import import_command
from node.office.models import STATE_LABELS, OfficeState
from node.office.places import NodeFolder, NodeSettings
from node.office.service import add_local_fonds, fonds_here, fonds_kept, office_of, open_office
from node.sync.command import commands as sync_commands
from node.sync.parcel_command import export_command
from node.sync.parcel_command import import_command as parcel_import_command
from node.transfer.command import transfer_command
from node.whereabouts.command import where_command
from shared.command.accounts import told_administrators
from shared.command.audit import Log, audit_group
from shared.command.check_config import check_config_command
from shared.command.main import json_option, show, show_table
from shared.command.stopping import stop_on_signal, wait_until_stopped
from shared.kernel.actor import system_actor
from shared.kernel.clock import local_text
from shared.kernel.collector import calm_collector
from shared.kernel.errors import Conflict, Invalid
from shared.kernel.files import folder_lock
from shared.kernel.identifiers import new_id
from shared.kernel.settings import save_settings
from shared.messaging.entry import Handler
from shared.records.states import DOCUMENT, RECORD
from shared.records.values import NAME_LENGTH, required_text

_ACTOR = system_actor("命令行")

folder_option = click.option(
    "--dir", "folder", type=click.Path(path_type=Path), required=True, help="节点的数据目录。"
)


def _handlers() -> Mapping[str, Handler]:
    from node.wiring import HANDLERS

    return HANDLERS


def _log(path: Path) -> Log:
    folder = NodeFolder(path)
    return Log(folder.database(), folder.keys.device, lambda: folder.older_log)


@click.group("node")
def node() -> None:
    """单位档案室：初始化、运行、登记联网、导入、归档、移交、更正、账号。"""


for _command in (
    register_command,
    import_command,
    file_command,
    transfer_command,
    correction_command,
    hand_over_command,
    change_clerk_command,
    user_group,
    *sync_commands,
    export_command(_handlers),
    parcel_import_command(_handlers),
    where_command,
    check_config_command(folder_option, weaknesses),
    audit_group(
        folder_option=folder_option,
        place=_log,
        actor=_ACTOR,
    ),
):
    node.add_command(_command)


@node.command("init")
@folder_option
@click.option("--name", required=True, help="单位名称，显示在每个页面上。")
@click.option(
    "--slug", default="node", show_default=True, help="一个进程服务多个单位时的网址短名。"
)
@click.option("--host", default="127.0.0.1", show_default=True, help="监听地址。")
@click.option("--port", default=8070, show_default=True, help="网页端口；0 取一个空闲端口。")
@click.option("--hub", "hub_url", default=None, help="市级平台的地址；与 --code 一起使用。")
@click.option("--code", default=None, help="市档案馆给的一次性登记码。")
@click.option(
    "--admin-password", help="三员共用的密码；不填则各生成一个一次性密码，首次登录须修改。"
)
@click.option(
    "--county", is_flag=True, help="三员由县级档案馆承担，通过市级平台登录，不在本机设三员账号。"
)
@click.option("--fonds", "fonds_name", default=None, help="尚未联网时先建一个全宗：名称。")
@click.option("--fonds-number", default=None, help="这个全宗的全宗号（没有可不填）。")
@click.option("--division", default=None, help="这个全宗的12位区划代码。")
@json_option
def init(
    *,
    folder: Path,
    name: str,
    slug: str,
    host: str,
    port: int,
    hub_url: str | None,
    code: str | None,
    admin_password: str | None,
    county: bool,
    fonds_name: str | None,
    fonds_number: str | None,
    division: str | None,
    as_json: bool,
) -> None:
    """建立一个单位的数据目录，设立三员；有登记码的同时联网登记。"""
    from shared.identity.founders import check_first_password, found_administrators

    name = required_text(name, "name", max_length=NAME_LENGTH)
    if (hub_url is None) != (code is None):
        raise Invalid("code", "--hub 和 --code 要一起使用。", "请同时写出平台地址和登记码。")
    place = NodeFolder(folder)
    if place.exists:
        raise Conflict(f"{place.path} 已经是一个单位的数据目录。", "请换一个目录，或直接运行。")
    _check_slug(slug)
    local = _local_fonds(fonds_name, fonds_number, division) if fonds_name else None
    if county and hub_url is None:
        raise Invalid(
            "county", "没有联网，县级档案馆的三员不能在本机登录。",
            "请连同 --hub 和 --code 一起使用，或不写 --county，在本机设三员。",
        )  # fmt: skip
    check_first_password(admin_password)
    place.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with folder_lock(place.path, "node init"):
        settings = NodeSettings(
            name=name,
            slug=slug,
            host=host,
            port=port,
            # A shared password is for a demo or a test, where nobody has a telephone at hand.
            factor_for_administrators=admin_password is None,
        )
        save_settings(settings, place.path)
        with place.database().write() as session:
            open_office(name, session=session)
            if local is not None:
                add_local_fonds(local, session=session)
            made = {}
            if not county:
                made = found_administrators(_ACTOR, session=session, password=admin_password)
        place.keys.device()
        place.keys.seal()
    result: dict[str, Any] = {"dir": str(place.path), "name": name}
    if admin_password is None:
        result["administrators"] = made
    if hub_url is not None and code is not None:
        result |= _enrol(place, hub_url, code)
    place.database().close()
    told = f"已建立“{name}”，数据目录 {place.path}。"
    if admin_password is None:
        told += told_administrators(made)
    if "hub" in result:
        told += f"\n已登记到“{result['hub']}”。"
    show(result, as_json=as_json, sentence=told)


def _check_slug(slug: str) -> None:
    if not slug.isascii() or not slug.replace("-", "").isalnum() or len(slug) > 40:
        raise Invalid("slug", f"网址短名“{slug}”不行。", "请用小写字母、数字和“-”，最多40个字符。")


def _enrol(place: NodeFolder, hub_url: str, code: str) -> dict[str, Any]:
    from importlib.metadata import version

    from node.sync.enrolment import enrol
    from shared.inspection.scheme import program_with_additions

    office = enrol(place, hub_url, code, version=program_with_additions(version("danglian")))
    return {"node_id": office.node_id, "hub": office.hub_name}


def _local_fonds(name: str, number: str | None, division: str | None) -> Any:
    from shared.records.divisions import load_divisions
    from shared.records.fonds import Fonds, FondsName, check_fonds_number

    found = load_divisions().get(division or "")
    if found is None:
        raise Invalid("division", "区划代码不在区划表中。", "请用 --division 写出12位区划代码。")
    return Fonds(
        id=new_id(),
        names=(FondsName(name),),
        forming_unit=name,
        division_code=found.code,
        level=found.level,
        numbers={"local": check_fonds_number(number)} if number else {},
        reviewing_archive="local",
        receiving_archive="local",
    )


@node.command("run")
@click.option(
    "--dir",
    "folders",
    type=click.Path(path_type=Path),
    required=True,
    multiple=True,
    help="节点的数据目录；可重复，一个进程服务多个单位。",
)
@click.option("--host", default=None, help="监听地址；不填按（第一个单位的）设置。")
@click.option("--port", type=int, default=None, help="端口；不填按设置，0 取一个空闲端口。")
@json_option
def run(folders: tuple[Path, ...], host: str | None, port: int | None, as_json: bool) -> None:
    """运行：网页、接口，以及与市级平台的收发。按 Ctrl-C 停止。"""
    from node.app import make_node_app, make_site
    from node.wiring import start
    from shared.web import serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    places = [NodeFolder(folder) for folder in folders]
    settings = [place.settings for place in places]
    _distinct([each.slug for each in settings])
    stopping = threading.Event()
    stop_on_signal(stopping)
    with ExitStack() as stack:
        for place in places:
            stack.enter_context(folder_lock(place.path, "node run"))
            stack.callback(place.database().close)
        apps = {
            each.slug: (each.name, make_node_app(place, host or settings[0].host))
            for each, place in zip(settings, places, strict=True)
        }
        server = serve(
            make_site(apps),
            host or settings[0].host,
            settings[0].port if port is None else port,
        )
        stack.callback(server.stop)
        for place in places:
            stack.callback(start(place).stop)
        calm_collector()
        rows = [_address(place, server.url, len(places) > 1) for place in places]
        names = "\n".join(f"{each['name']}已启动：{each['url']}" for each in rows)
        show(
            {"url": server.url, "nodes": rows},
            as_json=as_json,
            sentence=f"{names} （按 Ctrl-C 停止）",
        )
        wait_until_stopped(stopping)


def _distinct(slugs: list[str]) -> None:
    for slug in slugs:
        if slugs.count(slug) > 1:
            raise Invalid(
                "slug",
                f"有两个单位的网址短名都是“{slug}”。",
                "请在各自的 settings.toml 中改成不同的 slug。",
            )


def _address(place: NodeFolder, url: str, mounted: bool) -> dict[str, Any]:
    with place.database().read() as session:
        office = office_of(session)
        return {
            "name": office.name,
            "slug": place.settings.slug,
            "url": f"{url}/{place.settings.slug}/" if mounted else f"{url}/",
            "dir": str(place.path),
            "node_id": office.node_id,
        }


@node.command("status")
@folder_option
@json_option
def status(folder: Path, as_json: bool) -> None:
    """本机的概况：联网、全宗、登记和归档的件数、待发送。"""
    from node.filing.models import Divergence, Objection, Record
    from node.registry.models import Registered
    from node.sync.waiting import waiting_of
    from node.whereabouts.light import light_of
    from node.whereabouts.places import PLACES, Place, counts

    place = NodeFolder(folder)
    with place.database().read() as session:
        office = office_of(session)
        waiting = waiting_of(session)
        kept = [each.id for each in fonds_here(session)]
        result: dict[str, Any] = {
            "name": office.name,
            "state": office.state,
            "state_name": STATE_LABELS[OfficeState(office.state)],
            "node_id": office.node_id,
            "hub": office.hub_name,
            "epoch": office.epoch,
            "notice": office.notice,
            "last_contact": office.last_contact,
            "fonds": [
                {"id": each.id, "number": each.number, "name": each.name}
                for each in fonds_kept(session)
            ],
            "documents": _counts(session, Registered.state),
            "records": _counts(session, Record.state),
            "objections": _open(session, Objection),
            "divergences": _open(session, Divergence),
            "sent": waiting.sent,
            "acknowledged": waiting.acknowledged,
            "waiting": waiting.count,
            "oldest_waiting": waiting.oldest,
            "light": light_of(session)._asdict(),
            "places": counts(kept, session),
            "clock_offset_ms": office.clock_offset_ms,
            "reconciled": _compared(session),
        }
    if as_json:
        show(result, as_json=True, sentence="")
        return
    rows = [
        ("单位", result["name"]),
        ("与市级平台", result["state_name"]),
        ("平台", result["hub"]),
        ("最近联系", result["last_contact"]),
        ("待送达", result["waiting"]),
        ("最早的待送达", result["oldest_waiting"]),
        ("关机", result["light"]["words"]),
        *(("全宗", f"{each['number'] or '（无号）'} {each['name']}") for each in result["fonds"]),
        *((f"文件 {DOCUMENT.label(name)}", n) for name, n in result["documents"].items()),
        *((f"到哪了 {PLACES[Place(name)]}", n) for name, n in result["places"].items()),
        *((f"档案 {RECORD.label(name)}", n) for name, n in result["records"].items()),
        ("未处理的意见", result["objections"]),
        ("与平台不一致", result["divergences"]),
        ("最近核对", _told(result["reconciled"])),
    ]
    shown = [{"what": what, "value": value} for what, value in rows]
    show_table(shown, {"what": "项目", "value": "情况"}, as_json=False, title="本机概况")


def _counts(session: Session, column: Any) -> dict[str, int]:
    rows = session.execute(select(column, func.count()).group_by(column).order_by(column))
    return {row[0]: row[1] for row in rows}


def _compared(session: Session) -> dict[str, Any] | None:
    from node.sync.reconciling import last

    compared = last(session)
    if compared is None:
        return None
    return {
        "asked_at": compared.asked_at,
        "answered_at": compared.answered_at,
        "groups": compared.groups,
        "differing": compared.differing,
        "told_again": compared.told_again,
    }


def _told(compared: dict[str, Any] | None) -> str | None:
    if compared is None:
        return None
    asked = local_text(compared["asked_at"])
    if compared["answered_at"] is None:
        return f"{asked} 发出，等待平台答复"
    if differing := compared["differing"]:
        told_again = compared["told_again"]
        return f"{asked} 不一致 {len(differing)} 组，已补报 {told_again} 件"
    return f"{asked} 一致（{compared['groups']} 组）"


def _open(session: Session, model: Any) -> int:
    waiting = select(func.count()).select_from(model).where(model.settled_at.is_(None))
    return session.scalar(waiting) or 0
