"""`danglian … check-config`: what is set weakly or wrongly, by the setting's name, with the remedy.

What holds for a hub and a node alike stands here; the rest stands with each of them. Asks nobody
and changes nothing: it reads the settings, the rights of the files, and the administrators' hashes.
"""

from __future__ import annotations

import stat
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.command.main import json_option, show_table
from shared.kernel.database import Database
from shared.kernel.errors import Unavailable
from shared.kernel.settings import FILE_NAME

#: OWASP ASVS 4.0.3, 2.1.1; GB/T 22239-2019, 8.1.4.1 a) asks for complexity, not for a number.
_GOOD_PASSWORD_LENGTH = 12
_GOOD_PASSWORD_KINDS = 3
_MOST_TRIES = 10
_MOST_HOURS, _MOST_IDLE_MINUTES = 12, 60
_HERE = {"127.0.0.1", "localhost", "::1"}
_SECRETS = ("broker_password", "store_secret_key", "second_store_secret_key")
_ADDRESSES = ("database", "link", "node_link", "store", "second_store", "seal_service")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class Weakness:
    """One setting, file or account that makes an attack easier, and what to do about it."""

    code: str
    setting: str
    problem: str
    remedy: str

    def to_wire(self) -> dict[str, str]:
        """As a plain mapping."""
        return asdict(self)


def check_config_command(
    folder_option: Callable[[Any], Any], examine: Callable[[Path], Iterable[Weakness]]
) -> click.Command:
    """The command, for a hub or a node; ends with 1 when it finds anything."""

    @click.command("check-config")
    @folder_option
    @json_option
    def command(folder: Path, as_json: bool) -> None:
        """检查设置：不安全的设置项、文件权限和口令，以及怎样改正。有发现时返回 1。"""
        found = [each.to_wire() for each in examine(folder)]
        show_table(
            found,
            {"code": "代号", "setting": "设置项", "problem": "情况", "remedy": "怎么办"},
            as_json=as_json,
            title="设置中的薄弱之处" if found else "没有发现问题",
            key="findings",
        )
        sys.exit(1 if found else 0)

    return command


def weak_everywhere(settings: Any, folder: Path) -> Iterator[Weakness]:
    """What a hub and a node have in common: the door, secrets, rights of files."""
    yield from _of_the_door(settings)
    yield from _of_proxies(settings)
    yield from _of_the_decoder(settings)
    yield from _of_secrets(folder)
    yield from _of_files(folder)


def _of_proxies(settings: Any) -> Iterator[Weakness]:
    if settings.proxies and settings.host not in _HERE:
        yield Weakness(
            "proxies_passed_by",
            "proxies",
            f"相信前面 {settings.proxies} 层反向代理说的来源地址，但监听在 {settings.host}，"
            "别的机器可以绕过代理、冒充任何地址。",
            "请把 host 设为 127.0.0.1，或用防火墙只让代理连接后把这一条记入运维说明。",
        )
    if not settings.proxies and str(getattr(settings, "public_url", "")).startswith("https://"):
        yield Weakness(
            "proxies_not_told",
            "proxies",
            "由反向代理提供 HTTPS，但没有说明有几层：日志里的来源都成了代理的地址，"
            "一人猜密码，所有人都要等。",
            "请把 proxies 设为代理的层数，一般是 1。",
        )


def is_far(host: str | None) -> bool:
    """Whether what is sent to this host leaves the machine."""
    return bool(host) and host not in _HERE


def goes_plain(address: str, *encrypted: str) -> bool:
    """Whether an address leads to another machine with a scheme that is not one of these."""
    parts = split(address)
    return is_far(parts.hostname) and parts.scheme not in encrypted


def split(address: str) -> SplitResult:
    """The parts of an address; of one that is none, no parts."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts


def well_known_passwords(
    database: Callable[[], Database], passwords: Iterable[str]
) -> Iterator[Weakness]:
    """Administrators who sign in with a password that stands in the documents."""
    try:
        with database().read() as session:
            yield from _known_passwords(session, list(passwords))
    except Unavailable as error:
        yield Weakness(
            "passwords_not_checked",
            "database",
            f"数据库连不上，管理员的密码没有检查：{error.message}",
            "请启动数据库后再运行一次。",
        )


def _known_passwords(session: Session, known: list[str]) -> Iterator[Weakness]:
    from shared.identity.models import Account, AccountGrant
    from shared.identity.passwords import password_fits
    from shared.kernel.actor import ADMINISTRATORS

    administrators = (
        select(Account)
        .where(Account.grants.any(AccountGrant.role.in_(ADMINISTRATORS)))
        .where(Account.disabled.is_(False), Account.password_hash != "")
        .order_by(Account.login)
    )
    for account in session.scalars(administrators):
        if any(password_fits(account.password_hash, each) for each in (*known, account.login)):
            yield Weakness(
                "known_password",
                "",
                f"管理员账号“{account.login}”的密码是公开的演示密码，或与登录名相同。",
                "请登录后在“修改密码”中更换，或由另一位管理员重置。",
            )


def _of_the_door(settings: Any) -> Iterator[Weakness]:
    if settings.password_length < _GOOD_PASSWORD_LENGTH:
        yield Weakness(
            "password_short",
            "password_length",
            f"密码只要求 {settings.password_length} 个字符。",
            f"请设为 {_GOOD_PASSWORD_LENGTH} 或更多；已有的密码在下次修改时按新要求检查。",
        )
    if settings.password_kinds < _GOOD_PASSWORD_KINDS:
        yield Weakness(
            "password_simple",
            "password_kinds",
            f"密码只要求 {settings.password_kinds} 种字符。",
            f"请设为 {_GOOD_PASSWORD_KINDS}（等保要求复杂度）；已有的密码在下次修改时检查。",
        )
    if not settings.password_days:
        yield Weakness(
            "password_kept",
            "password_days",
            "密码从不要求更换。",
            "请设为天数，如 90（等保要求口令定期更换）；到期的在下次登录时修改。",
        )
    if not settings.factor_for_administrators:
        yield Weakness(
            "factor_not_required",
            "factor_for_administrators",
            "系统管理员只凭密码就能登录。",
            "请设为 true；管理员下次登录时登记双因素（等保三级要求两种鉴别）。",
        )
    if settings.lock_after > _MOST_TRIES:
        yield Weakness(
            "lock_late",
            "lock_after",
            f"连续输错 {settings.lock_after} 次才锁定账号。",
            f"请设为 {_MOST_TRIES} 或更少。",
        )
    if settings.session_hours > _MOST_HOURS or settings.idle_minutes > _MOST_IDLE_MINUTES:
        yield Weakness(
            "sessions_long",
            "session_hours、idle_minutes",
            f"登录后 {settings.session_hours} 小时、不动 {settings.idle_minutes} 分钟才退出。",
            f"请设为不超过 {_MOST_HOURS} 小时、{_MOST_IDLE_MINUTES} 分钟。",
        )
    if not settings.requests_per_minute or not settings.address_requests_per_minute:
        yield Weakness(
            "limits_off",
            "requests_per_minute、address_requests_per_minute",
            "没有限制访问频率。",
            "请删去这两项（用默认值），或设为大于 0 的数。",
        )


def _of_the_decoder(settings: Any) -> Iterator[Weakness]:
    """A decoder of sound and film that is set, and cannot be started."""
    from shared.inspection.decoder import decoder_at

    decoder = decoder_at(settings.media_decoder)
    if decoder is not None and not decoder.version:
        yield Weakness(
            "decoder_unusable",
            "media_decoder",
            f"音像解码程序 {decoder.path} 不能运行：{decoder.problem}。",
            "请安装 ffmpeg，并写它的完整路径；不用的，删去这一项。",
        )


def _of_secrets(folder: Path) -> Iterator[Weakness]:
    """Secrets that stand in the settings file, which travels with backups and into questions."""
    try:
        written = tomllib.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # loading the settings has said so already
        return
    plain = [name for name in _SECRETS if written.get(name)]
    plain += [name for name in _ADDRESSES if split(str(written.get(name, ""))).password]
    for name in plain:
        variable = f"DANGLIAN_{name.upper()}"
        yield Weakness(
            "secret_in_settings",
            name,
            f"settings.toml 里直接写着“{name}”的密码或密钥。",
            f"请把它写进只有服务账号能读的文件，用环境变量 {variable}_FILE 指明，再从 "
            "settings.toml 删去。",
        )


def _of_files(folder: Path) -> Iterator[Weakness]:
    mode = folder.stat().st_mode
    if mode & _OTHERS_WRITE:
        yield Weakness(
            "folder_writable",
            "",
            f"别的用户可以改写数据目录 {folder}。",
            f"请运行 chmod 750 {folder}",
        )
    elif mode & stat.S_IRWXO:
        yield Weakness(
            "folder_readable",
            "",
            f"别的用户可以读数据目录 {folder}。",
            f"请运行 chmod 750 {folder}",
        )
    settings = folder / FILE_NAME
    if settings.stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        yield Weakness(
            "settings_readable", "", f"别的用户可以读 {settings}。", f"请运行 chmod 640 {settings}"
        )
    for key in sorted((folder / "keys").glob("**/*")):
        if key.is_file() and key.suffix != ".public" and key.stat().st_mode & _OTHERS:
            yield Weakness(
                "key_readable",
                "",
                f"别的用户可以读密钥文件 {key}。",
                f"请运行 chmod 600 {key}；若已被人读过，请更换密钥。",
            )


def readable_by_others(path: str) -> bool:
    """Whether a secret's file may be read by users that are not in its group."""
    file = Path(path)
    return file.is_file() and bool(file.stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP))
