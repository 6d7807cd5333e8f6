"""`danglian node check-config`: what is set weakly at a node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from node.office.places import NodeFolder, NodeSettings
from node.office.service import office_of
from shared.command.check_config import (
    Weakness,
    goes_plain,
    weak_everywhere,
    well_known_passwords,
)
from shared.kernel.hosts import is_loopback, trusted_hosts


def weaknesses(folder: Path) -> Iterator[Weakness]:
    """Everything that is weak. Raises NotFound without a node, Invalid for a wrong setting."""
    from shared.demo.city import PASSWORD  # with the papers of the demo: no start waits for it

    place = NodeFolder(folder)
    with place.database().read() as session:
        hub = place.settings.hub_url or office_of(session).hub_url or ""
    yield from weak_settings(place.settings, hub)
    yield from weak_everywhere(place.settings, place.path)
    yield from well_known_passwords(place.database, [PASSWORD])


def weak_settings(settings: NodeSettings, hub: str) -> Iterator[Weakness]:
    """What is weak in the settings that only a node has, with the hub's address."""
    if not is_loopback(settings.host):
        yield Weakness(
            "pages_without_tls",
            "host",
            f"本机在 {settings.host} 上监听，没有加密，密码和档案在网上明文传送。",
            "请只监听 127.0.0.1；别的电脑要用的，前面放带证书的反向代理。",
        )
    if trusted_hosts(settings.host, "", settings.hosts) is None:
        yield Weakness(
            "hosts_unknown",
            "hosts",
            "没有说明本机的主机名，无法拒绝冒用其他主机名的请求。",
            "请在 hosts 中写明主机名和 IP。",
        )
    if goes_plain(settings.seal_service, "https", "unix", ""):
        yield Weakness(
            "signing_service_without_tls",
            "seal_service",
            "与签名服务的连接没有加密，别人可以借它用印。",
            "请改为 https:// 地址，或用本机的 unix: 套接字。",
        )
    if goes_plain(hub, "https"):
        yield Weakness(
            "hub_without_tls",
            "hub_url",
            f"市级平台的地址 {hub} 不是 https，上传的档案明文传送。",
            "请市级平台配置证书，再把 hub_url 改为 https 地址。",
        )
