"""The virus scanner clamd over its socket, one connection for each question (clamd(8))."""

from __future__ import annotations

import re
import socket
import struct
from contextlib import closing, suppress
from datetime import datetime
from typing import BinaryIO

from shared.inspection.scanner import Scanner, Unscanned
from shared.kernel.errors import Invalid, Unavailable
from shared.kernel.files import chunks

_SECONDS = 120.0
_LONGEST_ANSWER = 4096
#: A smaller file of this machine is handed over open: clamd then makes no copy of it. Of a larger
#: one it is to hear the size: what exceeds MaxFileSize it calls clean when it is handed over.
_HANDED_OVER = 1024 * 1024
_TCP = re.compile(r"tcp://(\[[0-9a-fA-F:]+\]|[^:/\[\]]+):(\d{1,5})")
_UNIX = "unix:"
_CLEAN = re.compile(r"(?:stream|fd\[\d+\]): OK")
_FOUND = re.compile(r"(?:stream|fd\[\d+\]): (.+) FOUND")
_TOO_LARGE = "size limit exceeded"
#: What it answers, set so (AlertExceedsMax), for a file that it has not looked through to the end.
_NOT_WHOLE = "Heuristics.Limits.Exceeded"
#: `ClamAV 1.4.3/27500/Wed Nov 26 09:30:00 2025`; the last two are missing without official ones.
_VERSION = re.compile(r"(ClamAV [^/]+)(?:/(\d+)/(.+))?")


class Clamd:
    """A clamd at `unix:/run/clamav/clamd.ctl` or `tcp://127.0.0.1:3310`."""

    def __init__(self, address: str, *, seconds: float = _SECONDS) -> None:
        """Raise Invalid for an address of another form; nothing is connected yet."""
        tcp = _TCP.fullmatch(address)
        path = address.removeprefix(_UNIX)
        if not tcp and not (address.startswith(_UNIX) and path.startswith("/")):
            raise Invalid(
                "clamd",
                f"设置项“clamd”的值“{address}”不对。",
                "应为 unix:/run/clamav/clamd.ctl 或 tcp://127.0.0.1:3310 的样子。",
            )
        self._address = address
        self._tcp = (tcp[1].strip("[]"), int(tcp[2])) if tcp else None
        self._path = path
        self._seconds = seconds

    def scan(self, stream: BinaryIO) -> str | None:
        """The name of what clamd finds in a stream, None, or an `Unscanned`.

        Raises Unavailable when clamd is away, or says that it cannot do its work.
        """
        file = None if self._tcp else _small_file(stream)
        answer = self._ask(b"zINSTREAM\0", stream) if file is None else self._ask_of(file)
        if _CLEAN.fullmatch(answer):
            return None
        if found := _FOUND.fullmatch(answer):
            name = found[1]
            return Unscanned(f"没有扫描完（{name}）。") if name.startswith(_NOT_WHOLE) else name
        if _TOO_LARGE in answer:
            return Unscanned("文件超过杀毒软件设置的大小（StreamMaxLength）。")
        raise self._away(answer)

    def scanner(self) -> Scanner:
        """What clamd says of itself, asked anew each time. Raises Unavailable."""
        answer = self._ask(b"zVERSION\0")
        scanner = read_version(answer)
        if scanner is None:
            raise self._away(answer)
        return scanner

    def _ask(self, command: bytes, stream: BinaryIO | None = None) -> str:
        try:
            with closing(self._connected()) as line:
                line.sendall(command)
                if stream is not None:
                    # It hangs up as soon as something is too large, and says why.
                    with suppress(BrokenPipeError, ConnectionResetError):
                        _send(line, stream)
                return _answer(line)
        except OSError as error:
            raise self._away(type(error).__name__) from error

    def _ask_of(self, file: int) -> str:
        try:
            with closing(self._connected()) as line:
                line.sendall(b"zFILDES\0")
                socket.send_fds(line, [b"\0"], [file])
                return _answer(line)
        except OSError as error:
            raise self._away(type(error).__name__) from error

    def _connected(self) -> socket.socket:
        if self._tcp:
            return socket.create_connection(self._tcp, timeout=self._seconds)
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(self._seconds)
        try:
            line.connect(self._path)
        except OSError:
            line.close()
            raise
        return line

    def _away(self, why: str) -> Unavailable:
        return Unavailable(
            f"杀毒软件（{self._address}）暂时不能使用：{why[:200]}。",
            "请检查 clamd 是否在运行；恢复后检验自动继续。",
            code="scanner_away",
        )


def read_version(answer: str) -> Scanner | None:
    """What the answer to VERSION says; None when it is none."""
    said = _VERSION.fullmatch(answer)
    if said is None:
        return None
    return Scanner(said[1], said[2] or "", _date(said[3]) if said[3] else None)


def _small_file(stream: BinaryIO) -> int | None:
    """The descriptor of a small file on disk; None for anything else."""
    if not 0 < stream.seek(0, 2) <= _HANDED_OVER:
        return None
    try:
        if stream.writable():
            stream.flush()
        return stream.fileno()
    except OSError:
        return None


def _send(line: socket.socket, stream: BinaryIO) -> None:
    stream.seek(0)
    for piece in chunks(stream):
        line.sendall(struct.pack("!I", len(piece)) + piece)
    line.sendall(struct.pack("!I", 0))


def _answer(line: socket.socket) -> str:
    answer = b""
    while b"\0" not in answer and len(answer) < _LONGEST_ANSWER:
        piece = line.recv(_LONGEST_ANSWER)
        if not piece:
            break
        answer += piece
    return answer.partition(b"\0")[0].decode("utf-8", "replace").strip()


def _date(text: str) -> datetime | None:
    """The date of the definitions; clamd tells it in the time of its machine."""
    try:
        return datetime.strptime(text.strip(), "%a %b %d %H:%M:%S %Y").astimezone()
    except ValueError:
        return None
