"""Readers that are not ours: what an inspection passes must open, and show whole, in these as well.

Programs of the operating system are asked where they are installed (Debian: poppler-utils,
libtiff-tools, libjpeg-turbo-progs, libopenjp2-tools, pngcheck, unzip); the others are the standard
library's. Each says what is wrong in one line, and what it shows. A reader that complains and shows
the same as before has lost nothing.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.parsers import expat

from shared.inspection.formats.looking import BROKEN
from shared.kernel.canonical import sha256_hex

#: The complaint, or None; and a digest of what is shown, where it is a picture.
Shown = tuple[str | None, str]
Reader = Callable[[bytes], Shown]
_SECONDS = 120


def _program(
    *command: str, ending: str, complaints: tuple[str, ...] = (), but: str = "\0"
) -> Reader | None:
    """A program that is given the file, and complains by its exit code or in its messages."""
    if shutil.which(command[0]) is None:
        return None

    def read(content: bytes) -> Shown:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / f"file.{ending}"
            place.write_bytes(content)
            words = [each.format(file=place, folder=folder) for each in command]
            try:
                done = subprocess.run(
                    words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=_SECONDS,
                    check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return f"{command[0]} goes on for {_SECONDS} seconds", ""
            place.unlink()
            pictures = b"".join(each.read_bytes() for each in sorted(Path(folder).iterdir()))
        shown = sha256_hex(pictures)
        said = done.stderr.decode("utf-8", "replace")
        if done.returncode and but not in said:
            return f"{command[0]} ends with {done.returncode}: {said.strip()[:200]}", shown
        found = [line for line in said.splitlines() if any(each in line for each in complaints)]
        return f"{command[0]}: {found[0][:200]}" if found else None, shown

    return read


def _plain(read: Callable[[bytes], str | None]) -> Reader:
    return lambda content: (read(content), "")


def _xml(content: bytes) -> str | None:
    try:
        expat.ParserCreate().Parse(content, True)
    except expat.ExpatError as error:
        return f"expat: {error}"
    return None


def _parts(content: bytes) -> str | None:
    """Every entry unpacks to its sum, and every part that is XML is well-formed."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                part = archive.read(info)
                if info.filename.endswith((".xml", ".rels")) and (said := _xml(part)):
                    return f"{info.filename}: {said}"
    except BROKEN as error:
        return f"zipfile: {type(error).__name__}"
    return None


def _wave(content: bytes) -> str | None:
    try:
        with wave.open(io.BytesIO(content)) as sound:
            wanted = sound.getnframes() * sound.getnchannels() * sound.getsampwidth()
            has = len(sound.readframes(sound.getnframes()))
    except (wave.Error, EOFError) as error:
        return f"wave: {error}"
    return None if has == wanted else f"wave: {has} bytes of {wanted}"


def _text(content: bytes) -> str | None:
    for encoding in ("utf-8", "gb18030", "utf-16"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None
    return "in no encoding"


_UNZIP = _program("unzip", "-tqq", "{file}", ending="zip")
_POSSIBLE: dict[str, tuple[Reader | None, ...]] = {
    "pdf": (
        _program(
            "pdftoppm", "-r", "20", "-gray", "{file}", "{folder}/page", ending="pdf",
            complaints=("Error",),
        ),
    ),
    "tiff": (_program("tiff2rgba", "{file}", "{folder}/out.tif", ending="tif"),),
    "jpeg": (
        # Where a code within the picture is wrong libjpeg goes on, and only sometimes says so.
        _program(
            "djpeg", "-outfile", "{folder}/out.ppm", "{file}", ending="jpg", but="bad Huffman code"
        ),
    ),
    "png": (_program("pngcheck", "-q", "{file}", ending="png"),),
    "jp2": (_program("opj_decompress", "-i", "{file}", "-o", "{folder}/o.pgm", ending="jp2"),),
    "xml": (_plain(_xml),),
    "txt": (_plain(_text),),
    "html": (_plain(_text),),
    "wav": (_plain(_wave),),
    **dict.fromkeys(("ofd", "docx", "xlsx", "pptx", "siard", "zip"), (_plain(_parts), _UNZIP)),
}  # fmt: skip
READERS = {code: [each for each in of if each] for code, of in _POSSIBLE.items()}


def complaints(code: str, content: bytes, before: bytes | None = None) -> list[str]:
    """What the other readers of a format say against a file; none where it has no other reader.

    With the file as it was before a change, only where they show something else now.
    """
    found = []
    for read in READERS.get(code, ()):
        said, shown = read(content)
        if said is not None and not (before is not None and shown and shown == read(before)[1]):
            found.append(said)
    return found
