"""The parts of an upload: what each must be, and the whole that they make."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import BinaryIO, cast

from shared.kernel.errors import Conflict, DanglianError, Invalid, NotFound
from shared.kernel.seeking import ProvenStream
from shared.storage.ports import PART_SIZE, check_claim, part_count, part_length

_NAMED_MISSING = 20
#: Reads one part, by its number.
Part = Callable[[int], bytes]


def check_part(whole: int, number: int, *, size: int, sha256: str) -> None:
    """Refuse a part that an upload of `whole` bytes cannot have. Raises Invalid."""
    check_claim(size, sha256)
    count = part_count(whole)
    if not 1 <= number <= count:
        raise Invalid(
            "number", f"分片号应在 1 至 {count} 之间，实为 {number}。", "请检查上传程序。"
        )
    if size != part_length(whole, number):
        raise Invalid(
            "size",
            f"第 {number} 片应为 {part_length(whole, number)} 字节，实为 {size}。",
            f"除最后一片外，每片应为 {PART_SIZE} 字节。",
        )


def check_all_there(whole: int, present: Sequence[int]) -> None:
    """Raise Invalid, naming the parts that an upload of `whole` bytes still misses."""
    there = set(present)
    missing = [number for number in range(1, part_count(whole) + 1) if number not in there]
    if missing:
        named = "、".join(str(number) for number in missing[:_NAMED_MISSING])
        more = f"等 {len(missing)} 片" if len(missing) > _NAMED_MISSING else ""
        raise Invalid("parts", f"上传尚不完整，缺第 {named} 片{more}。", "请补传后再提交。")


def whole_of(part: Part, *, size: int, sha256: str) -> BinaryIO:
    """The parts one after the other as a stream that can seek; keeps one of them in memory.

    A read in order raises Invalid instead of handing out the last bytes of a wrong whole.
    """
    # BufferedReader gives the raw stream below the methods of an ordinary file.
    return cast(BinaryIO, io.BufferedReader(_Whole(part, size, sha256), PART_SIZE))


def another_upload() -> Conflict:
    """What to raise when an upload id stands for another file already."""
    return Conflict("同一上传编号已登记了另一个文件。", "请重新申请上传，或先取消原来的上传。")


def unknown_upload() -> NotFound:
    """What to raise for an upload that never began, or was aborted or swept."""
    return NotFound("没有这个上传，或已过期清除。", "请重新申请上传。")


class _Whole(ProvenStream):
    """The parts as one stream."""

    def __init__(self, part: Part, size: int, sha256: str) -> None:
        super().__init__(size, sha256)
        self._part = part
        self._held = 0  # the number of the part in memory
        self._content = memoryview(b"")

    def piece(self, at: int, most: int) -> memoryview:
        place = at % PART_SIZE
        return self._content_of(at // PART_SIZE + 1)[place : place + most]

    def _content_of(self, number: int) -> memoryview:
        if number != self._held:
            wanted = part_length(self._size, number)
            content = self._part(number)
            if len(content) != wanted:
                raise Invalid(
                    "size",
                    f"第 {number} 片应为 {wanted} 字节，实为 {len(content)}。",
                    "暂存内容已损坏，请重新上传这一片。",
                )
            self._held, self._content = number, memoryview(content)
        return self._content

    def wrong(self, actual: str) -> DanglianError:
        return Invalid(
            "sha256",
            f"整个文件的摘要不符：应为 {self._sha256}，实为 {actual}。",
            "请取消本次上传，重新上传全部内容。",
        )
