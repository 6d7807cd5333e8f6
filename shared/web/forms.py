"""Forms: what was typed, what is wrong with it, and files that come in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from flask import render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from werkzeug.datastructures import FileStorage, MultiDict

from shared.identity import NotSignedIn
from shared.kernel.errors import DanglianError, Invalid, NotAllowed, NotFound
from shared.web.messages import flat_messages

View = TypeVar("View", bound=Callable[..., Any])
_UPLOAD_MARK = "danglian_upload"


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field, and what to do."""

    field: str
    problem: str
    remedy: str = ""


class Form:
    """A form's values: what was sent when it was sent, the defaults before that."""

    def __init__(
        self, sent: MultiDict[str, str], defaults: Mapping[str, Any] | None = None
    ) -> None:
        self._sent = sent
        self._defaults = dict(defaults or {})
        self._is_sent = request.method not in {"GET", "HEAD"}
        self.errors: list[FieldError] = []
        self.status = 200
        self._headers: dict[str, str] = {}

    def raw(self, name: str) -> str:
        """The value just as it was typed (for showing it again)."""
        if self._is_sent:
            return self._sent.get(name, "")
        value = self._defaults.get(name)
        return "" if value is None else str(value)

    def __getitem__(self, name: str) -> str:
        return self.raw(name).strip()

    def get(self, name: str) -> str | None:
        """The text, or None when it is empty."""
        return self[name] or None

    def all(self, name: str) -> list[str]:
        """Every value that was sent under this name."""
        if self._is_sent:
            return self._sent.getlist(name)
        value = self._defaults.get(name, ())
        return [str(each) for each in (value if isinstance(value, (list, tuple)) else [value])]

    def number(self, name: str) -> int | None:
        """A whole number, or None when empty. Raises Invalid."""
        text = self[name]
        if not text:
            return None
        try:
            return int(text) if len(text) < 19 else int("")
        except ValueError:
            raise Invalid(name, "这里应填整数。", "请只填数字。", code="not_a_number") from None

    def checked(self, name: str) -> bool:
        """Whether a check box is ticked."""
        if self._is_sent:
            return name in self._sent
        return bool(self._defaults.get(name))

    def errors_of(self, name: str) -> list[FieldError]:
        """What is wrong with one field."""
        return [each for each in self.errors if each.field == name]

    def add_error(self, error: DanglianError) -> None:
        """Put an error beside its field, or above the form."""
        self.status = error.status
        if (seconds := getattr(error, "retry_seconds", None)) is not None:
            self._headers["Retry-After"] = str(seconds)
        self.errors.append(FieldError(error.field or "", error.message, error.remedy))

    def catching(self) -> Catching:
        """A `with` block that keeps what goes wrong, to be shown in the form.

        Who may not, or asks for what is not there, gets the error page as everywhere.
        """
        return Catching(self)

    def answer(self, template: str, **context: Any) -> ResponseReturnValue:
        """The page with the form, under the status of its first error.

        To a dialog only what is wrong, in words: it stays open, with what was typed in it.
        """
        if self.errors and "HX-Request" in request.headers:
            said = "".join(f"{each.problem}{each.remedy}" for each in self.errors)
            plain = {"Content-Type": "text/plain; charset=utf-8"}
            return said, self.status, plain | self._headers
        return render_template(template, form=self, **context), self.status, self._headers


class Catching:
    """See `Form.catching`."""

    def __init__(self, form: Form) -> None:
        self._form = form

    def __enter__(self) -> Form:
        return self._form

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if isinstance(error, (NotAllowed, NotFound, NotSignedIn)):
            return False
        if isinstance(error, DanglianError):
            self._form.add_error(error)
            return True
        if isinstance(error, ValidationError):
            for field, problem, remedy in flat_messages(error.messages):
                self._form.add_error(Invalid(field, problem, remedy))
            return True
        return False


def accepts_upload(most_bytes: int) -> Callable[[View], View]:
    """Mark a view whose request may be this large (else the app's limit holds)."""

    def mark(view: View) -> View:
        setattr(view, _UPLOAD_MARK, most_bytes)
        return view

    return mark


def upload_limit_of(view: Any) -> int | None:
    """The limit that `accepts_upload` gave to a view."""
    limit = getattr(view, _UPLOAD_MARK, None)
    return limit if isinstance(limit, int) else None


def uploaded(name: str) -> FileStorage:
    """The file that was chosen. Raises Invalid when there is none."""
    return all_uploaded(name)[0]


def all_uploaded(name: str) -> list[FileStorage]:
    """The files that were chosen, in the order of their names. Raises Invalid for none."""
    files = [file for file in request.files.getlist(name) if file.filename]
    if not files:
        raise Invalid(name, "没有选择文件。", "请选择要上传的文件。", code="no_file")
    return sorted(files, key=lambda file: str(file.filename))
