"""Signatures of PDF documents (ISO 32000-1, 12.8; ETSI EN 319 142-1).

A signature is found by its dictionary, which stands uncompressed in the file: its ByteRange names
what was signed, all of the file up to its own end but its own value.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from shared.inspection.finding import Finding
from shared.seals.seal import Case, Seal, worst
from shared.seals.trust import Trust
from shared.seals.values import Covered, judge_stamp, judge_value
from shared.verifier.receipt import Verdict
from shared.verifier.signatures import NotChecked

_CHUNK = 1024 * 1024
_OVERLAP = 256
_MOST_SIGNATURES = 64
#: On either side of what gives a signature away: its value in hex may stand between.
_REACH = 4 * 1024 * 1024
_MOST_PLACES = 300
_MOST_TRIES = 1000
_MOST_MESSAGE = 64 * 1024 * 1024
_GIVES_AWAY = re.compile(
    rb"/ByteRange\b|/SubFilter\s*/(?:adbe\.|ETSI\.)|/Type\s*/(?:Sig|DocTimeStamp)\b"
)
_BEGINS = re.compile(rb"\b(\d{1,10})\s+(\d{1,5})\s+\Z")
_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d{1,15})\s+(\d{1,15})\s+(\d{1,15})\s+(\d{1,15})\s*\]")
_FORM = re.compile(rb"/SubFilter\s*/([\w.#-]{1,60})")
_VALUE = re.compile(rb"<([0-9A-Fa-f\s]*)>")
_SPACE = b" \t\r\n\x0c\x00"
_STAMP = "ETSI.RFC3161"
_AGAIN = "请向形成单位核实，用签名完好的文件替换。"


@dataclass(frozen=True)
class _Found:
    """A signature dictionary: where its object stands, and its text."""

    at: int
    number: str
    text: bytes

    @property
    def form(self) -> str | None:
        found = _FORM.search(self.text)
        return found[1].decode("ascii", "replace") if found else None


@dataclass(frozen=True)
class _Range:
    """What was signed: from the start to `begins`, and from `goes_on` to `ends`."""

    begins: int
    goes_on: int
    ends: int


def seals_of_pdf(stream: BinaryIO, trust: Trust) -> tuple[Seal, ...]:
    """The signatures of a PDF, judged, in the order in which they were made. Nothing raises."""
    size = stream.seek(0, 2)
    found, is_all = _found(stream)
    judged: list[tuple[int, Case]] = []
    # Time stamps of the document first: what they cover was there at their time.
    for each in sorted(found, key=lambda each: each.form != _STAMP):
        case = Case(f"对象 {each.number}", each.form)
        end = _judge(case, stream, each, size, _proven_by(judged, each, trust))
        judged.append((end, case))
    judged.sort(key=lambda each: each[0])
    _hold_ends(stream, size, judged)
    seals = [case.closed() for _end, case in judged]
    return tuple(seals) if is_all else (*seals, _too_many())


def _too_many() -> Seal:
    case = Case("PDF")
    case.unproven(
        Finding(
            "document_seal_too_many",
            "签名太多，其余的未验证。",
            "请向形成单位核实。",
        )
    )
    return case.closed()


def _proven_by(judged: list[tuple[int, Case]], found: _Found, trust: Trust) -> Trust:
    """Trust with the times of those stamps of the document that cover a signature."""
    times = [
        case.proven_at
        for end, case in judged
        if case.form == _STAMP and case.proven_at and not case.is_altered and found.at < end
    ]
    return replace(trust, proven=(*trust.proven, *times))


def _found(stream: BinaryIO) -> tuple[list[_Found], bool]:
    """The signature dictionaries in the order in which they stand; and whether that is all."""
    found: list[_Found] = []
    end = hits = 0
    for at in _places(stream):
        if at < end:
            continue
        hits += 1
        if hits > _MOST_PLACES or len(found) >= _MOST_SIGNATURES:
            return found, False
        start = max(0, at - _REACH)
        stream.seek(start)
        window = stream.read(at - start + _REACH)
        begins, number = _beginning(window, at - start)
        ends = window.find(b"endobj", at - start)
        text = window[begins : ends if ends >= 0 else len(window)]
        if _is_signature(text):
            end = start + begins + len(text)
            found.append(_Found(start + begins, number or f"@{at}", text))
    return found, True


def _beginning(window: bytes, before: int) -> tuple[int, str | None]:
    """Where the object begins in which a place lies, and its number; 0 when that is not found."""
    at = before
    for _ in range(_MOST_TRIES):
        at = window.rfind(b"obj", 0, at)
        if at < 0:
            break
        if head := _BEGINS.search(window, max(0, at - 40), at):
            return head.start(), f"{int(head[1])} {int(head[2])}"
    return 0, None


def _is_signature(text: bytes) -> bool:
    """Whether an object is a signature, not only a text about signatures: it has a value too."""
    return b"/Contents" in text or len(set(_GIVES_AWAY.findall(text))) > 1


def _places(stream: BinaryIO) -> Iterator[int]:
    stream.seek(0)
    before, start = b"", 0
    while True:
        stream.seek(start + len(before))
        piece = stream.read(_CHUNK)
        window = before + piece
        least = len(window) - _OVERLAP if piece else len(window)
        for found in _GIVES_AWAY.finditer(window):
            if found.start() < least:
                yield start + found.start()
        if not piece:
            return
        before = window[max(0, least) :]
        start += len(window) - len(before)


def _judge(case: Case, stream: BinaryIO, found: _Found, size: int, trust: Trust) -> int:
    """Judge one signature; returns where its range ends."""
    covers = _range_of(stream, found, size)
    if covers is None:
        case.altered(
            Finding(
                "document_seal_range_wrong",
                "签名所写的范围（ByteRange）不对：没有从头连到自己的签名值，或指到别处。",
                _AGAIN,
            )
        )
        return size
    stream.seek(covers.begins)
    held = _VALUE.fullmatch(stream.read(covers.goes_on - covers.begins))
    value = _der(bytes.fromhex(held[1].decode("ascii"))) if held and _is_even(held[1]) else None
    if value is None:
        case.altered(Finding("document_seal_damaged", "签名值已损坏，无法读取。", _AGAIN))
        return covers.ends
    digests: dict[str, bytes] = {}

    def hashed(name: str) -> bytes:
        if name not in digests:
            digests[name] = _hashed(stream, covers, name)
        return digests[name]

    if found.form == _STAMP:
        stamped_at = judge_stamp(case, value, hashed, trust)
        case.signed_at = case.proven_at = stamped_at
        if stamped_at is None:
            case.bound(Verdict.UNVERIFIABLE)
    else:
        judge_value(case, value, Covered(hashed, lambda: _message(stream, covers)), trust)
    return covers.ends


def _range_of(stream: BinaryIO, found: _Found, size: int) -> _Range | None:
    """The range, when it leaves out just the value in this very object, after `/Contents`."""
    said = _RANGE.findall(found.text)
    if len(said) != 1:
        return None
    start, begins, goes_on, length = map(int, said[0])
    inside = begins - found.at, goes_on - found.at
    if start or not 0 < inside[0] < inside[1] <= len(found.text) or goes_on + length > size:
        return None
    named = found.text[: inside[0]].rstrip(_SPACE).endswith(b"/Contents")
    return _Range(begins, goes_on, goes_on + length) if named else None


def _is_even(text: bytes) -> bool:
    return len(b"".join(text.split())) % 2 == 0


def _der(content: bytes) -> bytes | None:
    """The one element with which the value begins; zeros fill up the rest."""
    try:
        if content[1:2] == b"\x80":
            return content  # its reader says what it thinks of that
        size = content[1] & 0x7F if content[1] & 0x80 else 0
        length = int.from_bytes(content[2 : 2 + size], "big") if size else content[1]
        end = 2 + size + length
        if end > len(content) or content[end:].strip(b"\x00"):
            return None
        return content[:end]
    except IndexError:
        return None


def _pieces(stream: BinaryIO, covers: _Range) -> Iterator[bytes]:
    for at, end in ((0, covers.begins), (covers.goes_on, covers.ends)):
        stream.seek(at)
        left = end - at
        while left > 0 and (piece := stream.read(min(left, _CHUNK))):
            left -= len(piece)
            yield piece


def _hashed(stream: BinaryIO, covers: _Range, name: str) -> bytes:
    try:
        digest = hashlib.new(name, usedforsecurity=name != "sha1")
    except ValueError as error:
        raise NotChecked(f"这台电脑的 Python 没有 {name.upper()}") from error
    for piece in _pieces(stream, covers):
        digest.update(piece)
    return digest.digest()


def _message(stream: BinaryIO, covers: _Range) -> bytes:
    if covers.ends > _MOST_MESSAGE:
        raise NotChecked("签名直接针对整个文件，而文件太大")
    return b"".join(_pieces(stream, covers))


def _hold_ends(stream: BinaryIO, size: int, judged: list[tuple[int, Case]]) -> None:
    """Name what was added after each signature, and by whom that is covered.

    A later signature that is whole vouches for what came between; the earlier one is then worth no
    more than that. What nobody covers has changed the document.
    """
    for at, (end, case) in enumerate(judged):
        if case.is_altered or end >= size:
            continue
        later = [(other_end, other) for other_end, other in judged[at + 1 :]
                 if other_end > end and not other.is_altered]  # fmt: skip
        last = max((other_end for other_end, _other in later), default=end)
        if not _is_blank(stream, last, size):
            case.bound(Verdict.ALTERED)
            case.note(
                Finding(
                    "document_seal_added_after",
                    f"签名之后文件又被追加了内容（{size - last} 字节），签名只证明追加以前的样子。",
                    "请核对追加了什么；不是批注或验证信息的，请用签名时的文件替换。",
                )
            )
        elif later:
            case.bound(worst(other.verdict for _end, other in later))
            case.note(
                Finding(
                    "document_seal_followed",
                    "签名之后又追加了内容，由后面的签名保护。",
                    "请核对后面的签名是谁的。",
                )
            )


def _is_blank(stream: BinaryIO, at: int, size: int) -> bool:
    """Whether only line ends follow."""
    if size - at > _OVERLAP:
        return False
    stream.seek(at)
    return not stream.read(size - at).strip(_SPACE)
