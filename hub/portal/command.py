"""`danglian portal`: the commands of a portal on the internet."""

from __future__ import annotations

import logging
from pathlib import Path

import click
from sqlalchemy import func, select

from hub.portal.places import PortalFolder, PortalSettings
from shared.command.main import json_option, show
from shared.kernel.collector import calm_collector
from shared.kernel.errors import Invalid
from shared.kernel.files import folder_lock
from shared.kernel.identifiers import is_id
from shared.records.values import NAME_LENGTH, required_text

folder_option = click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="门户的数据目录。",
)


@click.group("portal")
def portal() -> None:
    """因特网上的门户：只有向社会开放的档案目录，由发布包单向导入。"""


@portal.command("init")
@folder_option
@click.option("--name", required=True, help="门户名称，显示在每个页面上。")
@click.option("--hub-id", required=True, help="平台的编号（danglian hub publish 会显示）。")
@click.option("--hub-key", required=True, help="平台的公钥，128 位十六进制（同上）。")
@click.option("--port", default=8070, show_default=True, help="网页端口。")
@json_option
def init(*, folder: Path, name: str, hub_id: str, hub_key: str, port: int, as_json: bool) -> None:
    """建立门户的数据目录，只认这一个平台的公钥签名的发布包。"""
    if not is_id(hub_id):
        raise Invalid("hub_id", "平台的编号不对。", "请照 danglian hub publish 显示的填写。")
    name = required_text(name, "name", max_length=NAME_LENGTH)
    settings = PortalSettings(name=name, hub_id=hub_id, hub_key=hub_key.lower(), port=port)
    place = PortalFolder.create(folder, settings)
    place.database.close()
    show(
        {"dir": str(place.path), "hub_id": hub_id},
        as_json=as_json,
        sentence=f"已建立“{name}”，数据目录 {place.path}。",
    )


@portal.command("import")
@folder_option
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@json_option
def import_command(folder: Path, source: Path, as_json: bool) -> None:
    """导入一个目录里的发布包：核对签名、编号和前后衔接；重复导入没有影响。"""
    from hub.portal.taking import take_folder

    place = PortalFolder(folder)
    taken = take_folder(place, source, lambda text: click.echo(text, err=True))
    place.database.close()
    show(
        {"taken": taken.taken, "known": taken.known, "entries": taken.entries,
         "records": taken.records},
        as_json=as_json,
        sentence=f"导入 {taken.taken} 个发布包（{taken.entries} 条），"
        f"以前导入过的 {taken.known} 个；门户现有 {taken.records} 件开放档案。",
    )  # fmt: skip


@portal.command("status")
@folder_option
@json_option
def status(folder: Path, as_json: bool) -> None:
    """导入到第几个发布包，现有多少件开放档案。"""
    from hub.portal.models import OpenedRecord
    from hub.portal.taking import last_taken

    place = PortalFolder(folder)
    settings = place.settings
    with place.database.read() as session:
        last = last_taken(session)
        records = session.scalar(select(func.count()).select_from(OpenedRecord)) or 0
    place.database.close()
    sentence = f"{settings.name}：{records} 件开放档案，还没有导入过发布包。"
    if last is not None:
        sentence = (
            f"{settings.name}：{records} 件开放档案，已导入第 {last.series} 系列第"
            f" {last.number} 个发布包（平台生成于 {last.made_at}）。"
        )
    show(
        {
            "name": settings.name,
            "records": records,
            "series": last.series if last else None,
            "number": last.number if last else None,
        },
        as_json=as_json,
        sentence=sentence,
    )


@portal.command("run")
@folder_option
@click.option("--host", help="监听地址；不填按设置。")
@click.option("--port", type=int, help="端口；不填按设置，0 取一个空闲端口。")
@click.option("--proxies", type=click.IntRange(min=0), default=0, help="前面有几层反向代理。")
@json_option
def run(folder: Path, host: str | None, port: int | None, proxies: int, as_json: bool) -> None:
    """运行门户的网页；可以一边运行一边导入。按 Ctrl-C 停止。"""
    import threading

    from hub.portal.app import make_app
    from shared.command.stopping import stop_on_signal
    from shared.web import serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    place = PortalFolder(folder)
    settings = place.settings
    stopping = threading.Event()
    stop_on_signal(stopping)
    with folder_lock(place.path, "portal run"):
        server = serve(
            make_app(place, proxies=proxies),
            host or settings.host,
            settings.port if port is None else port,
            threads=settings.threads,
        )
        calm_collector()
        show(
            {"url": server.url},
            as_json=as_json,
            sentence=f"{settings.name}已启动：{server.url} （按 Ctrl-C 停止）",
        )
        stopping.wait()
        server.stop()
        place.database.close()
