"""The terms 使用条件 on which a consumer reads: checked when applied for, approved as a whole."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any, Self

from hub.sharing.policies import AUDIENCE_NAMES, Audience
from shared.kernel.clock import today
from shared.kernel.errors import Invalid
from shared.records.values import REASON_LENGTH, clean_text, required_text


class Service(StrEnum):
    """An interface that a consumer may be let to; also the `scope` of its tokens (RFC 6749)."""

    RECORDS = "records"
    OAI = "oai"
    LOOKUP = "lookup"


SERVICE_NAMES = {
    Service.RECORDS: "共享目录（增量订阅、批量导出）",
    Service.OAI: "OAI-PMH 收割",
    Service.LOOKUP: "核验查询",
}

MOST_REQUESTS = 10_000
MOST_ROWS = 50_000_000
#: Nobody is let in for ever: after so many days the purpose is looked at anew.
MOST_DAYS = 5 * 366
_MOST_NAMED = 500
_MOST_NETWORKS = 50
_THUMBPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Terms:
    """What is applied for and approved.

    Attributes:
        purpose: for what the consumer reads.
        basis: on what ground 使用依据; None where the purpose says it.
        audience: a key of `AUDIENCE_NAMES`.
        services: the interfaces.
        archives: the archives whose records it may see; empty for all.
        fonds: the fonds among these; empty for all.
        since: the first day, `2026-01-01` in Asia/Shanghai.
        until: the last day.
        requests: how many requests it may make in a minute.
        rows: how many rows it may take in a day.
        networks: from where it may come (CIDR); empty for anywhere.
        certificate: SHA-256 of the certificate (DER) that it must show, hex; empty for none.
        client_elsewhere: its client id at the provincial identity service; empty for none.
    """

    purpose: str
    audience: str
    services: tuple[str, ...]
    since: str
    until: str
    basis: str | None = None
    archives: tuple[str, ...] = ()
    fonds: tuple[str, ...] = ()
    requests: int = 60
    rows: int = 100_000
    networks: tuple[str, ...] = ()
    certificate: str = ""
    client_elsewhere: str = ""

    def to_wire(self) -> dict[str, Any]:
        """As plain values, to be kept."""
        return {
            each.name: list(value) if isinstance(value, tuple) else value
            for each in fields(self)
            for value in [getattr(self, each.name)]
        }

    def told(self) -> dict[str, Any]:
        """As the audit tells them."""
        wire = self.to_wire()
        requests, rows = wire.pop("requests"), wire.pop("rows")
        return {
            **wire,
            "audience": AUDIENCE_NAMES[Audience(self.audience)],
            "services": [SERVICE_NAMES[Service(each)] for each in self.services],
            "requests_per_minute": requests,
            "rows_per_day": rows,
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """What `to_wire` wrote."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in wire.items()
        }
        return cls(**values)

    def in_term(self, day: str) -> bool:
        """Whether they hold on a day."""
        return self.since <= day <= self.until

    def covers(self, archive: str | None, fonds_id: str) -> bool:
        """Whether a record of this archive and fonds is within their scope."""
        return (not self.archives or archive in self.archives) and (
            not self.fonds or fonds_id in self.fonds
        )

    def admits(self, address: str) -> bool:
        """Whether a request may come from this address."""
        if not self.networks:
            return True
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in ipaddress.ip_network(each) for each in self.networks)


def checked(terms: Terms, *, archives: Collection[str], fonds: Collection[str]) -> Terms:
    """The terms in their written form; `archives` and `fonds` are those that exist.

    Raises Invalid, naming the field.
    """
    since, until = _day("since", terms.since), _day("until", terms.until)
    if until < since or until.isoformat() < today():
        raise Invalid("until", "截止日期早于起始日期或今天。", "请选择以后的日期。")
    if (until - since).days > MOST_DAYS:
        raise Invalid("until", "使用期限超过五年。", "请缩短期限，到期后再申请。")
    if terms.audience not in AUDIENCE_NAMES:
        raise Invalid("audience", "没有选择共享范围。", "请选择一个共享范围。")
    return Terms(
        purpose=required_text(terms.purpose, "purpose", max_length=REASON_LENGTH),
        basis=clean_text(terms.basis, "basis", max_length=REASON_LENGTH),
        audience=terms.audience,
        services=_among("services", terms.services, [str(each) for each in Service], least=1),
        archives=_among("archives", terms.archives, archives),
        fonds=_among("fonds", terms.fonds, fonds),
        since=since.isoformat(),
        until=until.isoformat(),
        requests=_number("requests", terms.requests, MOST_REQUESTS),
        rows=_number("rows", terms.rows, MOST_ROWS),
        networks=_networks(terms.networks),
        certificate=_certificate(terms.certificate),
        client_elsewhere=clean_text(
            terms.client_elsewhere or None, "client_elsewhere", max_length=255
        )
        or "",
    )


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(name, "日期不正确。", "请选择日期。") from None


def _among(
    name: str, chosen: Collection[str], known: Collection[str], *, least: int = 0
) -> tuple[str, ...]:
    unknown = set(chosen) - set(known)
    if unknown or not least <= len(chosen) <= _MOST_NAMED:
        raise Invalid(name, "没有选择，或选择了没有的项。", "请从列表中重新选择。")
    return tuple(sorted(set(chosen)))


def _number(name: str, value: int, most: int) -> int:
    if not 1 <= value <= most:
        raise Invalid(name, "这个数超出了范围。", f"请填写 1 到 {most} 的整数。")
    return value


def _networks(networks: Collection[str]) -> tuple[str, ...]:
    if len(networks) > _MOST_NETWORKS:
        raise Invalid("networks", "地址太多。", f"最多 {_MOST_NETWORKS} 个，请合并成网段。")
    found = []
    for each in networks:
        try:
            found.append(str(ipaddress.ip_network(each.strip(), strict=False)))
        except ValueError:
            raise Invalid(
                "networks", f"“{each[:60]}”不是 IP 地址或网段。", "每行一个，如 10.8.0.0/16。"
            ) from None
    return tuple(dict.fromkeys(found))


def _certificate(text: str) -> str:
    plain = text.replace(":", "").replace(" ", "").lower()
    if plain and not _THUMBPRINT.fullmatch(plain):
        raise Invalid(
            "certificate",
            "客户端证书指纹不正确。",
            "请填写证书的 SHA-256 指纹（64 个十六进制字符）。",
        )
    return plain
