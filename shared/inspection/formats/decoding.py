"""Sound and film decoded to the end by the program that an administrator has named (`decoder`).

This runs in the sandbox, as what it is given was made by strangers: ffmpeg inherits the limits of
the child that starts it. It reads the file itself by one demuxer, opens nothing else, writes a line
for each decoded frame, and says apart from these what it complains of.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

#: By what the file was identified as: no other reader is tried on it.
DEMUXERS = {
    "wav": "wav", "mp3": "mp3", "mp4": "mov", "avi": "avi", "mpeg": "mpeg", "mxf": "mxf",
    "mkv": "matroska", "flac": "flac",
}  # fmt: skip
#: A bare stream of pictures (ISO 11172-2), which `audio_video` tells from a program stream.
BARE = "mpegvideo"
_MOST_WORDS = 160
_HERE = "/dev/fd/0"
_FRAME = re.compile(r"(\d+), *-?\d+, *(-?\d+), *(\d+), ")
_BASE = re.compile(r"#tb (\d+): (\d+)/(\d+)")
_PICTURE = re.compile(r"#dimensions \d+: (\d+)x(\d+)")
_RATE = re.compile(r"#sample_rate \d+: (\d+)")
_ADDRESS = re.compile(r"^\[[^\]]*\] ")


def decode(file: BinaryIO, program: str, demuxer: str) -> dict[str, Any]:
    """Decode all sound and pictures of a file.

    `ended` is how the program ended (0: all is decoded), `said` its first complaint, `seconds` how
    far it came; `width`, `height` and `sample_rate` are those of what was decoded.
    """
    # The parent of all children waits for none of them; who started this one has to.
    with suppress(AttributeError):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    file.seek(0)
    with (
        subprocess.Popen(
            [program, *_arguments(demuxer)],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},
            text=True,
            errors="replace",
        ) as running,
        ThreadPoolExecutor(1) as beside,
    ):
        said = beside.submit(_first_complaint, running.stderr or ())
        found = _read(running.stdout or ())
    return {**found, "said": said.result(), "ended": running.returncode}


def _arguments(demuxer: str) -> list[str]:
    # By its number the place in the file would not be its own; only Windows has no name for it.
    source, protocol = (f"file:{_HERE}", "file") if Path(_HERE).exists() else ("fd:", "fd")
    return [
        *("-nostdin", "-hide_banner", "-nostats", "-v", "error", "-xerror"),
        *("-threads", "1", "-err_detect", "crccheck+bitstream+buffer+explode"),
        *("-protocol_whitelist", protocol, "-f", demuxer, "-i", source),
        *("-map", "0:v?", "-map", "0:a?", "-c:v", "wrapped_avframe", "-c:a", "pcm_s16le"),
        *("-flush_packets", "1", "-f", "framecrc", "-"),
    ]


def _first_complaint(lines: Iterable[str]) -> str:
    """The first line that says something, without the address before it; all are read."""
    first = ""
    for line in lines:
        first = first or _ADDRESS.sub("", line.strip())[:_MOST_WORDS]
    return first


def _read(lines: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"seconds": 0.0}
    bases: dict[str, float] = {}
    for line in lines:
        if frame := _FRAME.match(line):
            end = (int(frame[2]) + int(frame[3])) * bases.get(frame[1], 0.0)
            found["seconds"] = max(found["seconds"], round(end, 3))
        elif line.startswith("#"):
            _read_heading(line, found, bases)
    return found


def _read_heading(line: str, found: dict[str, Any], bases: dict[str, float]) -> None:
    if base := _BASE.match(line):
        bases[base[1]] = int(base[2]) / max(1, int(base[3]))
    elif picture := _PICTURE.match(line):
        found["width"], found["height"] = int(picture[1]), int(picture[2])
    elif rate := _RATE.match(line):
        found["sample_rate"] = int(rate[1])
