"""The errors of Danglian: a small family, each with a stable code, a sentence and a remedy.

They are mapped once per edge: to a page, to RFC 9457 problem details, to a refusal in a message,
to an exit code. `code` is for programs and never changes; `message` and `remedy` are for people.
"""

from __future__ import annotations

from typing import Any, ClassVar


class DanglianError(Exception):
    """Anything that went wrong in a way a person can be told about.

    Attributes:
        code: stable name for programs, snake_case.
        status: HTTP status of the answer.
        message: what is wrong, in plain Chinese.
        remedy: what to do next, in plain Chinese; may be empty.
        field: name of the field concerned, or None.
    """

    code: str = "error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        remedy: str = "",
        *,
        code: str | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.field = field
        if code is not None:
            self.code = code

    def to_wire(self) -> dict[str, Any]:
        """The error as a plain mapping: code, field, problem, remedy."""
        return {
            "code": self.code,
            "field": self.field,
            "problem": self.message,
            "remedy": self.remedy,
        }


class NotFound(DanglianError):
    """The thing does not exist, or the actor may not know that it does.

    Attributes:
        out_of_reach: it does exist; only the log may tell.
    """

    code = "not_found"
    status = 404
    out_of_reach = False


class NotAllowed(DanglianError):
    """The actor's roles and scopes do not cover this."""

    code = "not_allowed"
    status = 403


class WrongState(DanglianError):
    """The thing is in a state in which this cannot be done."""

    code = "wrong_state"
    status = 409


class Conflict(DanglianError):
    """Something else already holds this place: a number, a name, a lock."""

    code = "conflict"
    status = 409


class Invalid(DanglianError):
    """A value breaks a rule: which field, what is wrong, what to do."""

    code = "invalid"
    status = 422
    exit_code = 2

    def __init__(
        self, field: str, problem: str, remedy: str = "", *, code: str | None = None
    ) -> None:
        super().__init__(problem, remedy, code=code, field=field)


class Classified(DanglianError):
    """A document marked 秘密, 机密 or 绝密 came to a door. Carries no title and no content."""

    code = "classified"
    status = 422
    exit_code = 2

    def __init__(self, field: str = "security") -> None:
        super().__init__(
            "涉密文件（秘密、机密、绝密）不得进入本系统，本条未保存任何内容。",
            "请按保密规定在涉密系统中办理；如已解密，请注明解密日期和依据后再登记。",
            field=field,
        )


class Unavailable(DanglianError):
    """Something needed is away for the moment: database, store, link, hub. Try again later."""

    code = "unavailable"
    status = 503
    exit_code = 75


def disk_full() -> Unavailable:
    """What to raise when the disk under a file or a database is full: nothing was written."""
    return Unavailable(
        "存储空间已满，本次未保存任何内容。", "请清理或扩充磁盘后再试。", code="disk_full"
    )
