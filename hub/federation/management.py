"""RabbitMQ's management API, as far as the hub needs it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from shared.kernel.errors import DanglianError, Invalid, Unavailable

if TYPE_CHECKING:
    import requests

_TIMEOUT = (5, 60)


class BrokerRefused(DanglianError):
    """The broker does not do what was asked: another account's doing, or another version's."""

    code = "broker_refused"
    status = 502


class Management:
    """Calls of the API at `https://mq.example:15671` by an account; may be used by many threads.

    `ca` is the path of the certificate that the broker's must lead to; empty takes the system's.
    """

    def __init__(self, address: str, account: tuple[str, str], *, ca: str = "") -> None:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise Invalid(
                "broker_management",
                "消息服务器的管理地址不正确。",
                "应写成 https:// 加主机名和端口；账号写在 broker_user 和 broker_password 里。",
            )
        self._base = f"{address.rstrip('/')}/api/"
        self._account = account
        self._verify: str | bool = ca or True
        self._own = threading.local()

    def call(self, method: str, *path: str, body: Any = None, missing: Any = None) -> Any:
        """The answer as JSON; `missing` for what does not exist.

        Raises Unavailable when the API cannot be reached, BrokerRefused for everything else.
        """
        # Loaded where there is a broker to ask: a small hub has none, and starts the sooner.
        import requests

        url = self._base + "/".join(quote(part, safe="") for part in path)
        try:
            answer = self._http.request(
                method, url, json=body, timeout=_TIMEOUT, verify=self._verify
            )
        except requests.RequestException as error:
            raise Unavailable(
                "消息服务器的管理接口暂时连不上。", "请检查它的地址、证书和网络。"
            ) from error
        if answer.status_code == 404 and method in {"GET", "DELETE"}:
            return missing
        if answer.status_code >= 500:
            raise Unavailable("消息服务器的管理接口出错。", "系统会自动重试。")
        if answer.status_code == 401:
            raise BrokerRefused(
                "消息服务器不接受管理账号。", "请检查设置项 broker_user 和 broker_password。"
            )
        if not answer.ok:
            raise BrokerRefused(
                f"消息服务器拒绝了 {method} {'/'.join(path)}：{_reason(answer)}",
                "请检查管理账号是否有 administrator 标签，以及队列是否由别的版本建立。",
            )
        return answer.json() if answer.content else None

    @property
    def _http(self) -> requests.Session:
        import requests

        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
            self._own.session.auth = self._account
            self._own.session.trust_env = False
        session: requests.Session = self._own.session
        return session


def _reason(answer: requests.Response) -> str:
    try:
        return str(answer.json().get("reason", ""))[:300]
    except (ValueError, AttributeError):
        return str(answer.status_code)
