"""`danglian hub check-config`: what is set weakly at a hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url

from hub.federation.commands import folder_option
from hub.federation.places import HubFolder
from hub.federation.settings import HubSettings
from shared.command.check_config import (
    Weakness,
    check_config_command,
    goes_plain,
    is_far,
    readable_by_others,
    split,
    weak_everywhere,
    well_known_passwords,
)
from shared.kernel.hosts import is_loopback, trusted_hosts

_ENCRYPTED = {"require", "verify-ca", "verify-full"}


def weaknesses(folder: Path) -> Iterator[Weakness]:
    """Everything that is weak. Raises NotFound without a hub, Invalid for a wrong setting."""
    from shared.demo.city import PASSWORD  # with the papers of the demo: no start waits for it

    place = HubFolder(folder)
    yield from weak_settings(place.settings)
    yield from weak_everywhere(place.settings, place.path)
    yield from well_known_passwords(place.database, [PASSWORD])


def weak_settings(settings: HubSettings) -> Iterator[Weakness]:
    """What is weak in the settings that only a hub has."""
    yield from _of_browsers(settings)
    yield from _of_the_broker(settings)
    yield from _of_database_and_stores(settings)
    yield from _of_services(settings)


def _of_browsers(settings: HubSettings) -> Iterator[Weakness]:
    if settings.public_url and goes_plain(settings.public_url, "https"):
        yield Weakness(
            "pages_without_tls",
            "public_url",
            f"平台的网址 {settings.public_url} 不是 https，密码和档案在网上明文传送。",
            "请在反向代理上配置证书，把 public_url 改为 https 地址。",
        )
    elif not settings.public_url and not is_loopback(settings.host):
        yield Weakness(
            "pages_without_tls",
            "public_url",
            f"平台直接在 {settings.host} 上监听，没有加密，登录 Cookie 也不带 Secure。",
            "请让它只监听 127.0.0.1，前面放带证书的反向代理，把 public_url 设为 https 地址。",
        )
    if trusted_hosts(settings.host, settings.public_url, settings.hosts) is None:
        yield Weakness(
            "hosts_unknown",
            "hosts",
            "没有说明平台的主机名，无法拒绝冒用其他主机名的请求。",
            "请设置 public_url，或在 hosts 中写明主机名和 IP。",
        )
    if settings.grant_policy == "auto":
        yield Weakness(
            "grants_automatic",
            "grant_policy",
            "单位端申请恢复时自动批准，拿到一份数据副本的人可以顶替该单位。",
            "请改为 ask，由管理员核实后确认。",
        )


def _of_the_broker(settings: HubSettings) -> Iterator[Weakness]:
    for name in ("link", "node_link"):
        address = getattr(settings, name)
        if address.startswith("amqp:") and goes_plain(address, "amqps"):
            yield Weakness(
                "broker_without_tls",
                name,
                f"与消息服务器 {_host(address)} 的连接没有加密。",
                "请在消息服务器上配置证书，改为 amqps:// 地址。",
            )
    if goes_plain(settings.broker_management, "https"):
        yield Weakness(
            "broker_without_tls",
            "broker_management",
            "消息服务器的管理接口没有加密，管理密码明文传送。",
            "请改为 https:// 地址。",
        )


def _of_database_and_stores(settings: HubSettings) -> Iterator[Weakness]:
    if settings.database:
        url = make_url(settings.database)
        if is_far(url.host) and url.query.get("sslmode") not in _ENCRYPTED:
            yield Weakness(
                "database_without_tls",
                "database",
                f"与数据库服务器 {url.host} 的连接不一定加密。",
                "请在地址后面加上 ?sslmode=verify-full&sslrootcert=…。",
            )
    for name in ("store", "second_store"):
        address = getattr(settings, name)
        if "://" in address and goes_plain(address, "s3"):
            yield Weakness(
                "store_without_tls",
                name,
                f"与对象存储 {_host(address)} 的连接没有加密，档案内容明文传送。",
                "请在对象存储上配置证书，改为 s3:// 地址。",
            )


def _of_services(settings: HubSettings) -> Iterator[Weakness]:
    if not settings.clamd:
        yield Weakness(
            "scanner_not_set",
            "clamd",
            "收到的文件不查病毒。",
            "请安装 clamav-daemon 并设置 clamd。",
        )
    elif goes_plain(settings.clamd, "unix"):
        yield Weakness(
            "scanner_without_tls",
            "clamd",
            "文件内容经网络明文送到另一台机器查病毒。",
            "请把 clamd 装在本机，或经加密隧道连接。",
        )
    if goes_plain(settings.audit_forward, "tls"):
        yield Weakness(
            "log_without_tls",
            "audit_forward",
            "操作日志经网络明文送到日志服务。",
            "请改用 tls:// 地址。",
        )
    if readable_by_others(settings.sso_client_secret_file):
        yield Weakness(
            "secret_file_readable",
            "sso_client_secret_file",
            f"别的用户可以读客户端密钥文件 {settings.sso_client_secret_file}。",
            f"请运行 chmod 640 {settings.sso_client_secret_file}",
        )


def _host(address: str) -> str:
    return split(address).hostname or ""


check_config = check_config_command(folder_option, weaknesses)
