"""Errors as answers: a page, RFC 9457 problem details, or a sentence for htmx."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from typing import Any

from flask import (
    Flask,
    Response,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from shared.identity import NotSignedIn
from shared.kernel.errors import DanglianError
from shared.kernel.identifiers import new_id
from shared.web.accountable import note_failure, note_refusal, note_wrong_method
from shared.web.filters import size
from shared.web.links import is_api, this_path
from shared.web.messages import flat_messages

log = logging.getLogger(__name__)

_TELL = "请稍候再试；如仍不行，请把编号告诉系统管理员。"
_ASK = "请稍候再试；如仍不行，请联系系统管理员。"
#: Status to title, sentence and remedy, for what no verb has put into words.
_TEXTS = {
    400: ("请求有误", "服务器没有看懂这个请求。", "请返回上一页，检查后重新提交。"),
    401: ("需要登录", "尚未登录，或登录已超时。", "请重新登录。"),
    403: ("没有权限", "您没有办理此事的权限。", "如确需办理，请联系安全保密管理员调整授权。"),
    404: ("没有找到", "没有这个页面，或它已被移走。", "请检查网址，或从导航重新进入。"),
    405: ("不能这样访问", "这个地址不能这样访问。", "请从页面上的按钮或链接进入。"),
    409: ("现在不能办理", "当前状态下不能这样办理。", "请刷新页面，按最新状态办理。"),
    413: ("内容过大", "提交的内容超过了上限。", "请分批提交，或改用较小的文件。"),
    415: ("格式不对", "不接受这种格式的内容。", "请改用说明中的格式。"),
    422: ("内容需要改正", "提交的内容有不符合要求之处。", "请按提示改正后重新提交。"),
    429: ("请稍候", "请求过于频繁。", "请几分钟后再试。"),
    500: ("系统出错", "处理时出现内部错误，没有保存。", _TELL),
    503: ("暂时不可用", "系统暂时不可用。", _ASK),
}


@dataclass(frozen=True)
class Problem:
    """What is answered when something goes wrong."""

    status: int
    code: str
    detail: str
    remedy: str = ""
    field: str | None = None
    errors: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    number: str = ""
    #: After how many seconds it may be tried again, where that is what helps.
    retry_seconds: int = 30

    @property
    def title(self) -> str:
        """Two to six characters on what this is about."""
        return _TEXTS.get(self.status, ("出错了", "", ""))[0]

    def to_wire(self) -> dict[str, Any]:
        """RFC 9457 problem details, with `code`, `remedy`, `field` and `errors` added."""
        wire: dict[str, Any] = {
            "type": f"urn:danglian:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "remedy": self.remedy,
            "field": self.field,
            "errors": self.errors,
        }
        if self.number:
            wire["instance"] = f"urn:danglian:error:{self.number}"
        return wire


def register(app: Flask) -> None:
    """Let an app answer every error in this way."""
    app.register_error_handler(DanglianError, _danglian)
    app.register_error_handler(ValidationError, _validation)
    app.register_error_handler(HTTPException, _http)


def _danglian(error: DanglianError) -> ResponseReturnValue:
    if isinstance(error, NotSignedIn) and _may_be_sent_to_sign_in():
        return redirect(url_for("accounts.sign_in", next=this_path()))
    note_refusal(error)
    return answer_to(error)


def answer_to(error: DanglianError) -> Response:
    """The error in the form that the caller can use."""
    errors = getattr(error, "errors", None)
    return answer(
        Problem(
            status=error.status,
            code=error.code,
            detail=error.message,
            remedy=error.remedy,
            field=error.field,
            errors=[_wire(each) for each in errors] if isinstance(errors, (list, tuple)) else [],
            retry_seconds=getattr(error, "retry_seconds", Problem.retry_seconds),
        )
    )


def _wire(error: object) -> dict[str, Any]:
    if isinstance(error, DanglianError):
        return error.to_wire()
    return dict(error) if isinstance(error, dict) else {"problem": str(error)}


def _may_be_sent_to_sign_in() -> bool:
    return (
        request.method in {"GET", "HEAD"}
        and not is_api()
        and not _wants_json()
        and "HX-Request" not in request.headers
    )


def _validation(error: ValidationError) -> ResponseReturnValue:
    return answer(_invalid(error.messages))


def _invalid(messages: Any) -> Problem:
    found = [
        {"code": "invalid", "field": name, "problem": problem, "remedy": remedy}
        for name, problem, remedy in flat_messages(messages)
    ]
    first = found[0] if len(found) == 1 else None
    detail = f"有 {len(found)} 处需要改正。"
    if first is not None:
        detail = f"{first['field']}：{first['problem']}" if first["field"] else first["problem"]
    return Problem(
        status=422,
        code="invalid",
        detail=detail,
        remedy=first["remedy"] if first else _TEXTS[422][2],
        field=first["field"] if first else None,
        errors=found,
    )


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.response
    status = error.code or 500
    if status < 400:
        return error.get_response()
    data = getattr(error, "data", None) or {}
    if status == 422 and "messages" in data:
        return answer(_invalid(data["messages"]))
    problem = _plain(status)
    if isinstance(error, CSRFError):
        problem = Problem(
            400,
            "form_expired",
            "页面停留时间过长，或登录已变化，本次提交没有生效。",
            "请返回上一页，刷新后重新提交。",
        )
    elif isinstance(error, RequestEntityTooLarge):
        limit = request.max_content_length
        detail = f"提交的内容超过上限（{size(limit)}）。" if limit else _TEXTS[413][1]
        problem = Problem(413, "too_large", detail, _TEXTS[413][2])
    elif status == 405:
        note_wrong_method()
    elif status == 500:
        problem = _plain(500, number=new_id())
        log.error("error %s at %s %s", problem.number, request.method, request.path)
        note_failure(problem.number)
    response = answer(problem)
    if status == 405 and (allowed := getattr(error, "valid_methods", None)):
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


_CODES = {
    400: "bad_request", 401: "not_signed_in", 403: "not_allowed", 404: "not_found",
    405: "method_not_allowed", 409: "conflict", 413: "too_large", 415: "unsupported_media_type",
    422: "invalid", 429: "too_many_attempts", 500: "internal_error", 503: "unavailable",
}  # fmt: skip


def _plain(status: int, *, number: str = "") -> Problem:
    _, detail, remedy = _TEXTS.get(status, _TEXTS[400 if status < 500 else 503])
    return Problem(status, _CODES.get(status, "error"), detail, remedy, number=number)


def _wants_json() -> bool:
    best = request.accept_mimetypes.best_match(
        ["text/html", "application/json", "application/problem+json"]
    )
    return best in {"application/json", "application/problem+json"}


def answer(problem: Problem) -> Response:
    """The problem in the form that the caller can use."""
    response: Response
    if is_api() or _wants_json():
        response = jsonify(problem.to_wire())
        response.mimetype = "application/problem+json"
        if problem.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
    elif "HX-Request" in request.headers:
        response = make_response(f"{problem.detail}{problem.remedy}")
        response.mimetype = "text/plain"
    else:
        response = make_response(render_template("problem.html", problem=problem))
    response.status_code = problem.status
    if problem.status in {429, 503}:
        response.headers["Retry-After"] = str(problem.retry_seconds)
    return response
