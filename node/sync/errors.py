"""The hub's HTTP answers as our own errors: away for now, or refused with its own sentence."""

from __future__ import annotations

from collections.abc import Callable

import requests

from shared.kernel.errors import DanglianError, Unavailable

_SERVER_ERRORS = 500
_TOO_MANY = 429
_BAD = 400
_LARGE = 413
#: The code of what is too large, for the hub or for a server that stands before it.
TOO_LARGE = "too_large"


def hub_answer(send: Callable[[], requests.Response]) -> requests.Response:
    """Send a request to the hub; raises Unavailable when it is away, else the hub's problem."""
    try:
        answer = send()
    except requests.RequestException as error:
        raise Unavailable(
            "连接不上市级平台。", "请检查网络和平台地址；已填内容都在本机，系统会自动重试。"
        ) from error
    if answer.status_code >= _SERVER_ERRORS or answer.status_code == _TOO_MANY:
        raise Unavailable("市级平台暂时不可用。", "系统会自动重试。")
    if answer.status_code >= _BAD:
        raise _problem(answer)
    return answer


def _problem(answer: requests.Response) -> DanglianError:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    return DanglianError(
        str(problem.get("detail") or problem.get("title") or "市级平台拒绝了请求。"),
        str(problem.get("remedy") or ""),
        code=str(problem.get("code") or (TOO_LARGE if answer.status_code == _LARGE else "refused")),
    )
