"""The port to a provincial platform, and how the plug-in that speaks to one is found.

A plug-in is an entry point of the group `danglian.provincial_platforms`: a callable that takes
`PlatformSettings` and returns a `Platform`. It says what the platform is to be told, and reads what
it answers; connections, limits, retries and what outlives a kill are the hub's.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import requests

from hub.federation.settings import HubSettings
from shared.kernel.errors import DanglianError, Invalid, Unavailable
from shared.records.text import NAME_LENGTH, text_problem

ENTRY_POINTS = "danglian.provincial_platforms"
#: What a platform may say of a service: under review 待审, online 上线, offline 下线, not taken.
PLATFORM_STATES = ("pending", "online", "offline", "refused")
_MOST_BYTES = 1024 * 1024
_CHUNK = 64 * 1024
_NEAR = {"127.0.0.1", "::1", "localhost"}
_BUSY = 429


class Refused(DanglianError):
    """The platform will not take a record as it is: a person has to change it."""

    code = "platform_refused"
    status = 422


@dataclass(frozen=True)
class Standing:
    """What a platform says of one service: its state, its own number for it, and words."""

    state: str
    reference: str
    words: str = ""

    def __post_init__(self) -> None:
        if self.state not in PLATFORM_STATES:
            raise _trouble("省级平台插件答了不认识的状态")
        if not self.reference or text_problem(self.reference, NAME_LENGTH):
            raise _trouble("省级平台插件答的登记号不能用")


class Platform(Protocol):
    """One province's platform."""

    def find(self, key: str) -> Standing | None:
        """What the platform has under our key; None for nothing. Asked before a second try."""
        ...

    def register(self, record: Mapping[str, Any], key: str, reference: str | None) -> Standing:
        """Tell a record under a key that is ours alone; `reference` is set for a changed one.

        Raises Refused when the platform will not have it, Unavailable when it is to be tried again.
        """
        ...

    def standing(self, reference: str) -> Standing:
        """How a service stands there now. Raises Unavailable."""
        ...


@dataclass(frozen=True)
class Reply:
    """What a platform answered: the status, and the JSON of its body."""

    status: int
    body: Any


class PlatformHttp:
    """HTTP to one platform: its address, a time limit, a largest answer, no redirects."""

    def __init__(self, url: str, *, ca: str = "", timeout: float = 10.0) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _NEAR:
            raise Invalid("province_url", "“province_url”不是 https 地址。", "请改为 https 地址。")
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._ca: str | bool = ca or True

    def ask(
        self,
        method: str,
        path: str,
        *,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask for a path below the address. Raises Unavailable for whatever may be better later.

        That is no answer, one of 5xx or 429, one that is too long or no JSON.
        """
        try:
            with requests.request(
                method,
                f"{self._url}{path}",
                json=json_body,
                headers={"Accept": "application/json", **(headers or {})},
                timeout=self._timeout,
                verify=self._ca,
                allow_redirects=False,
                stream=True,
            ) as answer:
                if answer.status_code >= 500 or answer.status_code == _BUSY:
                    raise _trouble(f"省级平台答复 {answer.status_code}")
                content = b""
                for piece in answer.iter_content(_CHUNK):
                    content += piece
                    if len(content) > _MOST_BYTES:
                        raise _trouble("省级平台的答复太长")
                return Reply(answer.status_code, json.loads(content) if content else None)
        except requests.RequestException as error:
            raise _trouble("省级平台没有应答") from error
        except (ValueError, RecursionError) as error:
            raise _trouble("省级平台的答复不是 JSON") from error


@dataclass(frozen=True)
class PlatformSettings:
    """What a plug-in is given: the way to its platform, and its own options (`province_options`).

    Secrets are among the options, or in files that these name.
    """

    http: PlatformHttp
    options: Mapping[str, Any] = field(repr=False)


def load_platform(settings: HubSettings) -> Platform | None:
    """The platform that the settings name; None when they name none.

    Raises Invalid for a plug-in that is not installed, and for settings that it cannot use.
    """
    name = settings.province_platform
    if not name:
        return None
    found = next(iter(entry_points(group=ENTRY_POINTS, name=name)), None)
    if found is None:
        known = sorted(each.name for each in entry_points(group=ENTRY_POINTS))
        raise Invalid(
            "province_platform",
            f"没有安装省级平台插件“{name}”。",
            f"已安装：{'、'.join(known)}。" if known else "请先安装插件的软件包。",
            code="no_such_plugin",
        )
    make = cast(Callable[[PlatformSettings], Platform], found.load())
    http = PlatformHttp(
        settings.province_url, ca=settings.province_ca, timeout=settings.province_timeout
    )
    return make(PlatformSettings(http, _options(settings.province_options)))


def _options(path: str) -> Mapping[str, Any]:
    if not path:
        return {}
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Invalid(
            "province_options",
            f"读不了省级平台插件的选项文件：{error}",
            "请检查设置项 province_options 和文件的写法（TOML）。",
        ) from error


def _trouble(problem: str) -> Unavailable:
    return Unavailable(
        f"{problem}。",
        "平台会自动再试；一直不成的，请检查设置 province_url 和网络。",
        code="province_unavailable",
    )
