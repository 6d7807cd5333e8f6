"""Sound and film decoded to the end by a real ffmpeg, where an administrator has named one."""

from __future__ import annotations

import io
import random
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from shared.inspection import decoder as decoders
from shared.inspection.decoder import Decoder, decoder_at
from shared.inspection.formats import sandbox
from shared.inspection.formats.examination import Examination
from shared.inspection.formats.remembering import Remembered
from shared.inspection.formats.trouble import DAMAGED, UNSURE
from shared.inspection.loose import inspect_file
from shared.inspection.report import Outcome, decoder_of
from shared.inspection.subject import Context
from tests.shared.inspection.reports import outcome

_FILM = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=2")
_SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:duration=2")
_MADE = {
    "film.mp4": (*_FILM, *_SOUND, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"),
    "film.avi": (*_FILM, *_SOUND, "-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "film.mpg": (*_FILM, *_SOUND, "-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2", "-f", "vob"),
    "bare.mpg": (*_FILM, "-c:v", "mpeg1video", "-r", "25", "-f", "mpeg1video"),
    "sound.m4a": (*_SOUND, "-c:a", "aac"),
    "sound.mp3": (*_SOUND, "-c:a", "libmp3lame"),
    "sound.flac": (*_SOUND, "-c:a", "flac"),
    "film.mkv": (*_FILM, *_SOUND, "-c:v", "mjpeg", "-c:a", "flac"),
    "film.mxf": (*_FILM, "-r", "25", "-c:v", "mpeg2video"),
    "packed.wav": (*_SOUND, "-c:a", "adpcm_ms"),
    "plain.wav": (*_SOUND, "-c:a", "pcm_s24le"),
}
_CODED = sorted(set(_MADE) - {"plain.wav"})


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Two seconds of each kind, as ffmpeg writes them."""
    folder = tmp_path_factory.mktemp("media")
    for name, how in _MADE.items():
        command = [get_ffmpeg_exe(), "-nostdin", "-v", "error", *how, str(folder / name)]
        subprocess.run(command, check=True)
    return {name: (folder / name).read_bytes() for name in _MADE}


@pytest.fixture(scope="session")
def decoder() -> Decoder:
    found = decoder_at(get_ffmpeg_exe())
    assert found is not None
    assert found.version.startswith("ffmpeg ")
    return found


def program(folder: Path, *lines: str) -> Decoder:
    """A decoder that is a script."""
    path = folder / "decoder"
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)
    return Decoder(str(path), "a script")


def judged(content: bytes, by: Decoder, memory: Remembered | None = None) -> Examination:
    stream = io.BytesIO(content)
    return by.examine(sandbox.examine(stream), stream, "digest", memory)


def noise(content: bytes) -> bytes:
    """With four hundred other bytes in the middle of what is coded."""
    at = len(content) // 2
    return content[:at] + random.Random(1).randbytes(400) + content[at + 400 :]


@pytest.mark.parametrize("name", _CODED)
def test_what_decodes_to_its_end_asks_nobody_to_play_it(
    name: str, made: dict[str, bytes], decoder: Decoder
) -> None:
    walked = sandbox.examine(io.BytesIO(made[name]))
    assert [each.kind for each in walked.troubles] == [UNSURE]
    found = judged(made[name], decoder)
    assert found.troubles == ()
    assert found.facts["seconds"] == pytest.approx(2, abs=0.2)


def test_samples_that_lie_there_as_they_are_need_no_decoder(made: dict[str, bytes]) -> None:
    assert sandbox.examine(io.BytesIO(made["plain.wav"])).troubles == ()
    odd = bytearray(made["plain.wav"])
    odd[odd.index(b"fmt ") + 8 + 14] = 16  # bits: then a sample is no longer what a block holds
    assert [each.kind for each in sandbox.examine(io.BytesIO(odd)).troubles] == [UNSURE]


@pytest.mark.parametrize("name", ["film.mp4", "film.avi", "film.mpg", "bare.mpg", "sound.m4a"])
def test_damage_in_the_middle_is_found_where_the_walk_sees_none(
    name: str, made: dict[str, bytes], decoder: Decoder
) -> None:
    content = noise(made[name])
    trouble = judged(content, decoder).troubles[-1]
    assert trouble.kind == DAMAGED
    if "解码" in trouble.problem:  # packets of an MPEG have borders, which the walk sees
        assert trouble.where is not None
        assert 0 < float(trouble.where.split()[1]) < 2


def test_what_a_file_says_of_itself_is_held_against_what_was_decoded(
    made: dict[str, bytes], decoder: Decoder
) -> None:
    longer = bytearray(made["film.mp4"])
    at = longer.index(b"mvhd") + 20  # the ticks of ISO 14496-12, 8.2.2
    longer[at : at + 4] = (2 * int.from_bytes(longer[at : at + 4], "big")).to_bytes(4, "big")
    wider = bytearray(made["film.mp4"])
    at = wider.index(b"tkhd") + 4 + 76  # width, in the upper two of four bytes
    wider[at : at + 2] = (320).to_bytes(2, "big")
    for content, said in ((longer, "4.0 秒"), (wider, "宽是 160")):
        found = judged(bytes(content), decoder).troubles
        assert [each.kind for each in found] == [UNSURE]
        assert said in found[0].problem


def test_a_report_passes_what_was_decoded_and_names_the_program(
    made: dict[str, bytes], decoder: Decoder, tmp_path: Path
) -> None:
    path = tmp_path / "录音.mp3"
    path.write_bytes(made["sound.mp3"])
    report = inspect_file(path, Context(decoder=decoder))
    assert outcome(report, "3-4") is Outcome.PASSED
    assert not report.findings
    assert decoder_of(report.tool) == decoder.version
    without = inspect_file(path, Context())
    assert [each.code for each in without.findings] == ["file_not_fully_checked"]
    assert decoder_of(without.tool) == ""


def test_the_same_bytes_are_decoded_once_by_each_version(
    made: dict[str, bytes], decoder: Decoder, tmp_path: Path
) -> None:
    memory = Remembered(tmp_path / "seen.sqlite")
    bad = noise(made["film.mp4"])
    first = judged(bad, decoder, memory)
    gone = replace(decoder, path="/no/such/program")
    assert judged(bad, gone, memory) == first
    newer = replace(program(tmp_path, "exit 0"), version="ffmpeg 99")
    assert judged(bad, newer, memory) != first


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/no/such/ffmpeg", "没有这个文件"),
        ("ffmpeg", "不是完整路径"),
        ("/bin/ls", "它不是 ffmpeg"),
        ("/etc/passwd", "不能执行"),
    ],
)
def test_a_program_that_is_none_is_named_and_nothing_passes(
    path: str, problem: str, made: dict[str, bytes]
) -> None:
    found = decoder_at(path)
    assert found is not None
    assert (found.version, found.problem) == ("", problem)
    said = judged(made["sound.mp3"], found).troubles
    assert [each.kind for each in said] == [UNSURE]
    assert problem in said[0].problem


def test_a_decoder_has_little_of_everything_and_is_stopped(
    made: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = made["sound.mp3"]
    limited = program(tmp_path, 'echo "$(ulimit -v) $(ulimit -f) $(ulimit -n) $HOME" >&2; exit 1')
    assert "（1048576 0 64）" in judged(content, limited).troubles[0].problem
    monkeypatch.setattr(sandbox, "_FOR_DECODING", 0)
    monkeypatch.setattr(sandbox, "_TIMES", 0.5)
    endless = program(tmp_path, "while :; do :; done")
    assert [each.kind for each in judged(content, endless).troubles] == [UNSURE]


def test_what_a_program_has_no_means_for_is_no_damage(
    made: dict[str, bytes], tmp_path: Path
) -> None:
    for said in ("Decoder (codec vc9) not found for input stream #0:0", "Cannot allocate memory"):
        poor = program(tmp_path, f"echo '{said}' >&2", "exit 1")
        assert [each.kind for each in judged(made["film.avi"], poor).troubles] == [UNSURE]
    silent = program(tmp_path, "exit 0")
    assert "没有解码出声音" in judged(made["film.avi"], silent).troubles[0].problem
    warned = program(tmp_path, "echo '#tb 0: 1/1'; echo '0, 0, 0, 2, 9, 0x1'", "echo odd >&2")
    assert [each.kind for each in judged(made["film.avi"], warned).troubles] == [UNSURE]


def test_a_new_program_at_the_same_place_is_asked_anew(tmp_path: Path) -> None:
    one = program(tmp_path, "echo ffmpeg version 6.1 Copyright")
    assert decoder_at(one.path) == Decoder(one.path, "ffmpeg 6.1")
    two = program(tmp_path, "echo ffmpeg version 7.0 Copyright")
    Path(two.path).touch()
    assert decoder_at(two.path) == Decoder(two.path, "ffmpeg 7.0")
    assert decoder_at("") is None
    decoders._asked.cache_clear()
