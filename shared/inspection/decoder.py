"""The program ffmpeg, where an administrator has named one: sound and film are decoded to the end.

It is no part of Danglian (`docs/decisions/0093`). What it finds takes the place of the question
whether somebody has played the file (DA/T 70-2018, 3-4).
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from shared.inspection.formats.audio_video import NOT_DECODED
from shared.inspection.formats.decoding import BARE, DEMUXERS
from shared.inspection.formats.examination import VERSION, Examination
from shared.inspection.formats.remembering import Remembered
from shared.inspection.formats.sandbox import NoAnswer, decode
from shared.inspection.formats.trouble import DAMAGED, UNSURE, Trouble

_SECONDS = 20
_VERSION = re.compile(r"ffmpeg version (\S{1,40})")
#: What it says of a file that it has no means for: that is no damage.
_NO_MEANS = re.compile(
    r"decoder .*not found|unknown decoder|unknown input format|not implemented|patchwelcome"
    r"|cannot allocate memory|could not find codec parameters|protocol not found"
    r"|option not found|unrecognized option|permission denied",
    re.IGNORECASE,
)
#: Codecs have some milliseconds of silence around, and containers count whole frames.
_LEAST_DIFFERENCE, _PART = 1.0, 0.02


@dataclass(frozen=True)
class Decoder:
    """A decoder, as it is installed now.

    Attributes:
        path: the program.
        version: what it says of itself, `ffmpeg 7.1`; empty when it cannot be started.
        problem: why it cannot be started.
    """

    path: str
    version: str
    problem: str = ""

    def examine(
        self, found: Examination, stream: BinaryIO, sha256: str, memory: Remembered | None
    ) -> Examination:
        """An examination, with what decoding the file has shown where it had not been decoded.

        The same bytes are decoded once by each version. Raises Unavailable.
        """
        if not needs_decoding(found) or found.kind is None:
            return found
        if not self.version:
            said = f"设置的解码程序不能运行（{self.problem}），没有逐帧解码播放"
            return _instead(found, [Trouble(UNSURE, said)])
        key = f"decoded {VERSION} {self.version} {sha256}"
        kept = memory.recall(key) if memory is not None else None
        if kept is not None:
            return _told(found, json.loads(kept))
        is_bare = found.facts.get("bare") is True
        try:
            answer = decode(
                stream,
                self.path,
                BARE if is_bare else DEMUXERS[found.kind.code],
                float(found.facts.get("seconds") or 0),
            )
        except NoAnswer:
            return _instead(found, [Trouble(UNSURE, "解码超过了时间、内存限制，没有解码完")])
        if memory is not None and answer["ended"] >= 0:
            memory.keep(key, json.dumps(answer, ensure_ascii=False).encode())
        return _told(found, answer)


def decoder_at(path: str) -> Decoder | None:
    """The decoder at a path, asked for its version anew where the program has changed.

    None for no path. One that is not whole is not looked for.
    """
    if not path:
        return None
    place = Path(path)
    if not place.is_absolute():
        return Decoder(path, "", "不是完整路径")
    try:
        changed = place.stat().st_mtime_ns
    except OSError:
        return Decoder(path, "", "没有这个文件")
    return _asked(path, changed)


@lru_cache(maxsize=4)
def _asked(path: str, _changed: int) -> Decoder:
    try:
        done = subprocess.run(
            [path, "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except OSError:
        return Decoder(path, "", "不能执行")
    except subprocess.TimeoutExpired:
        return Decoder(path, "", "没有应答")
    said = _VERSION.match(done.stdout[:4096].decode("utf-8", "replace"))
    if said is None:
        return Decoder(path, "", "它不是 ffmpeg")
    return Decoder(path, f"ffmpeg {said[1]}")


def needs_decoding(found: Examination) -> bool:
    """Whether the walk has left open if every second can be heard and seen."""
    return any(each.problem == NOT_DECODED for each in found.troubles) and not any(
        each.kind == DAMAGED for each in found.troubles
    )


def _told(found: Examination, answer: Mapping[str, Any]) -> Examination:
    """What the answer of a decoder says of a file, beside what the walk has found."""
    if answer["ended"] == 0:
        facts = {**found.facts}
        facts.setdefault("seconds", answer["seconds"])
        return replace(_instead(found, list(_differences(found.facts, answer))), facts=facts)
    said = answer["said"] or "没有说明"
    if answer["ended"] < 0 or _NO_MEANS.search(said):
        return _instead(found, [Trouble(UNSURE, f"解码程序不能解这个文件（{said}），没有解码完")])
    where = f"约第 {answer['seconds']:.1f} 秒"
    return _instead(found, [Trouble(DAMAGED, f"解码时出错，不能播放到末尾（{said}）", where)])


def _differences(walked: Mapping[str, Any], answer: Mapping[str, Any]) -> list[Trouble]:
    """What makes a file that was decoded to its end a question all the same."""
    troubles = []
    if not answer["seconds"]:
        troubles.append(Trouble(UNSURE, "没有解码出声音或画面"))
    if answer["said"]:
        troubles.append(Trouble(UNSURE, f"已解码到末尾，但解码程序提示：{answer['said']}"))
    said, heard = walked.get("seconds"), answer["seconds"]
    if said is not None and abs(said - heard) > max(_LEAST_DIFFERENCE, _PART * said):
        troubles.append(Trouble(UNSURE, f"解码得到 {heard} 秒，文件自述 {said} 秒"))
    for name, what in (("width", "宽"), ("height", "高"), ("sample_rate", "采样率")):
        if None not in (walked.get(name), answer.get(name)) and walked[name] != answer[name]:
            troubles.append(
                Trouble(UNSURE, f"解码得到的{what}是 {answer[name]}，文件自述 {walked[name]}")
            )
    return troubles


def _instead(found: Examination, troubles: list[Trouble]) -> Examination:
    """An examination in which these troubles stand in the place of “not decoded”."""
    rest = [each for each in found.troubles if each.problem != NOT_DECODED]
    return replace(found, troubles=(*rest, *troubles))
