"""Commands for the hub's own keys: show the register, roll one over."""

from __future__ import annotations

from pathlib import Path

import click

from hub.federation.commands import ACTOR, folder_option
from hub.federation.key_roll import roll_hub_key, roll_seal
from hub.federation.own_keys import hub_keys, own_keys
from hub.federation.places import HubFolder
from hub.federation.territory import archives
from shared.command.main import json_option, show, show_table
from shared.kernel.clock import format_utc, local_text
from shared.kernel.errors import Invalid
from shared.kernel.files import folder_lock
from shared.kernel.signing_service import SigningService
from shared.kernel.succession import seal_holder


@click.group("keys")
def keys_group() -> None:
    """平台的密钥和各馆印章：查看、更换。"""


@keys_group.command("show")
@folder_option
@json_option
def show_keys(folder: Path, as_json: bool) -> None:
    """列出平台密钥和各馆印章：现用的，和以前用过、只用来核对旧文书的。"""
    with HubFolder(folder).database().read() as session:
        held = [("平台", key) for key in hub_keys(session)]
        for archive in archives(session):
            held += [(archive.name, key) for key in own_keys(seal_holder(archive.code), session)]
        last = {key.holder: key.serial for _, key in held}
        rows = [
            {
                "holder": key.holder,
                "name": name,
                "serial": key.serial,
                "key": key.key_id,
                "public_key": key.public_key,
                "in_force": key.serial == last[key.holder],
                "registered_at": format_utc(key.registered_at),
            }
            for name, key in held
        ]
    if as_json:
        show({"keys": rows}, as_json=True, sentence="")
        return
    for row, (_, key) in zip(rows, held, strict=True):
        row["state"] = "现用" if row["in_force"] else "只核对旧文书"
        row["since"] = local_text(key.registered_at)
    columns = {
        "name": "归属",
        "serial": "第几把",
        "key": "短名",
        "state": "用途",
        "since": "登记于",
    }
    show_table(rows, columns, as_json=False, title="密钥")


@keys_group.command("roll")
@folder_option
@click.option("--archive", help="更换这个档案馆的印章（代码）；不填则更换平台的密钥。")
@click.option(
    "--service", help="新印章在哪个签名服务里（命令、http(s):// 或 unix: 地址）；只用于 --archive。"
)
@json_option
def roll_key(folder: Path, archive: str | None, service: str | None, as_json: bool) -> None:
    """更换平台的密钥或一个档案馆的印章；先停下平台，换好以后把 keys/ 重新封存。"""
    place = HubFolder(folder)
    with folder_lock(place.path, "hub keys roll"):
        if archive is None:
            if service is not None:
                raise Invalid(
                    "service",
                    "平台自己的密钥不能放在签名服务里。",
                    "请用 --archive 写明是哪个馆的印章。",
                )
            new = roll_hub_key(ACTOR, place)
            name = "平台"
        else:
            new = roll_seal(ACTOR, place, archive, SigningService(service) if service else None)
            name = f"档案馆 {archive} 印章"
    show(
        {"holder": new.holder, "serial": new.serial, "key": new.key_id},
        as_json=as_json,
        sentence=(
            f"{name}的密钥已更换，现用第 {new.serial} 把（{new.key_id}），旧的私钥已销毁。\n"
            "请把整个 keys/ 目录重新拷到单独的介质上封存，代替原来那一份；再启动平台。"
        ),
    )
