"""The parts of an upload: which may come together, and the whole that they make."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Self, cast

from shared.kernel.errors import Conflict, DanglianError, Invalid, NotFound
from shared.kernel.seeking import ProvenStream
from shared.storage.ports import MOST_PARTS, PART_SIZE, part_count, part_length

_NAMED_MISSING = 20
_NAME = re.compile(r"([0-9]{7})(?:-([0-9]{1,2}))?")


@dataclass(frozen=True, order=True)
class Stretch:
    """Parts that follow each other, came together and lie in one piece.

    Attributes:
        first: the number of the first one, `count` how many there are.
    """

    first: int
    count: int = 1

    @classmethod
    def of(cls, whole: int, first: int, size: int) -> Self:
        """The parts that `size` bytes from part `first` on are, of an upload of `whole` bytes.

        Raises Invalid unless it has such a part, and they are 1 to `MOST_PARTS` entire ones.
        """
        parts = part_count(whole)
        if not 1 <= first <= parts:
            raise Invalid(
                "number", f"分片号应在 1 至 {parts} 之间，实为 {first}。", "请检查上传程序。"
            )
        stretch = cls(first, part_count(size))
        if not 1 <= stretch.count <= MOST_PARTS or size != stretch.length(whole):
            raise Invalid(
                "size",
                f"从第 {first} 片起的 {size} 字节不是整片。",
                f"除最后一片外，每片应为 {PART_SIZE} 字节；一次最多 {MOST_PARTS} 片。",
            )
        return stretch

    @classmethod
    def named(cls, name: str) -> Self | None:
        """What lies in staging under this name; None for a name that no stretch has."""
        found = _NAME.fullmatch(name)
        return cls(int(found[1]), int(found[2] or 1)) if found else None

    @property
    def name(self) -> str:
        """The name in staging: a part alone has its number."""
        return f"{self.first:07d}" if self.count == 1 else f"{self.first:07d}-{self.count}"

    @property
    def label(self) -> str:
        """The numbers, for people."""
        return f"{self.first}" if self.count == 1 else f"{self.first} 至 {self.numbers[-1]}"

    @property
    def numbers(self) -> range:
        """The numbers of the parts."""
        return range(self.first, self.first + self.count)

    def length(self, whole: int) -> int:
        """How many bytes these parts of an upload of `whole` bytes have."""
        return min(self.count * PART_SIZE, whole - (self.first - 1) * PART_SIZE)


#: Opens what lies in staging, to seek in.
Opener = Callable[[Stretch], BinaryIO]


def numbers_in(stretches: Iterable[Stretch]) -> list[int]:
    """The parts that are in any of these, rising."""
    return sorted({number for each in stretches for number in each.numbers})


def part_in(stretches: Iterable[Stretch], number: int, opener: Opener, *, whole: int) -> BinaryIO:
    """One part, in memory. Raises NotFound when it is in none of these."""
    stretch = next((each for each in stretches if number in each.numbers), None)
    if stretch is None:
        raise unknown_upload()
    with opener(stretch) as stream:
        stream.seek((number - stretch.first) * PART_SIZE)
        return io.BytesIO(stream.read(part_length(whole, number)))


def whole_of(stretches: Sequence[Stretch], opener: Opener, *, size: int, sha256: str) -> BinaryIO:
    """The parts one after the other as a stream that can seek; none of them is held in memory.

    Raises Invalid, naming the parts that are missing. A read in order raises Invalid instead of
    handing out the last bytes of a wrong whole.
    """
    lying = {number: each for each in sorted(stretches) for number in each.numbers}
    _check_all_there(size, lying)
    # BufferedReader gives the raw stream below the methods of an ordinary file.
    return cast(BinaryIO, io.BufferedReader(_Whole(lying, opener, size, sha256), PART_SIZE))


def another_upload() -> Conflict:
    """What to raise when an upload id stands for another file already."""
    return Conflict("同一上传编号已登记了另一个文件。", "请重新申请上传，或先取消原来的上传。")


def unknown_upload() -> NotFound:
    """What to raise for an upload that never began, or was aborted or swept."""
    return NotFound("没有这个上传，或已过期清除。", "请重新申请上传。")


def _check_all_there(whole: int, there: dict[int, Stretch]) -> None:
    missing = [number for number in range(1, part_count(whole) + 1) if number not in there]
    if missing:
        named = "、".join(str(number) for number in missing[:_NAMED_MISSING])
        more = f"等 {len(missing)} 片" if len(missing) > _NAMED_MISSING else ""
        raise Invalid("parts", f"上传尚不完整，缺第 {named} 片{more}。", "请补传后再提交。")


class _Whole(ProvenStream):
    """The parts as one stream; one stretch of them is open at a time."""

    def __init__(self, lying: dict[int, Stretch], opener: Opener, size: int, sha256: str) -> None:
        super().__init__(size, sha256)
        self._lying = lying
        self._opener = opener
        self._opened: Stretch | None = None
        self._stream: BinaryIO = io.BytesIO()

    def piece(self, at: int, most: int) -> bytes:
        stretch = self._lying[at // PART_SIZE + 1]
        if stretch != self._opened:
            self._open(stretch)
        place = at - (stretch.first - 1) * PART_SIZE
        if self._stream.tell() != place:
            self._stream.seek(place)
        return self._stream.read(min(most, stretch.length(self._size) - place))

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _open(self, stretch: Stretch) -> None:
        self._stream.close()
        self._opened, self._stream = None, self._opener(stretch)
        wanted, there = stretch.length(self._size), self._stream.seek(0, io.SEEK_END)
        if there != wanted:
            raise Invalid(
                "size",
                f"第 {stretch.label} 片应为 {wanted} 字节，实为 {there}。",
                "暂存内容已损坏，请重新上传。",
            )
        self._opened = stretch

    def wrong(self, actual: str) -> DanglianError:
        return Invalid(
            "sha256",
            f"整个文件的摘要不符：应为 {self._sha256}，实为 {actual}。",
            "请取消本次上传，重新上传全部内容。",
        )
