"""A tree as an image of a disc: UDF with the names as they are, ISO 9660 beside it with numbers.

Windows, macOS and Linux read the UDF side; the other is for the oldest readers, whose names know
no Chinese. `disc` reads images.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from pycdlib import PyCdlib

from shared.kernel.errors import Invalid

_UDF = "2.60"
_LEVEL = 3
_LONGEST_NAME = 32
_NOT_IN_NAMES = re.compile(r"[^A-Z0-9_]+")
#: Bytes of a name in UTF-16 that one UDF identifier holds beside its kind.
_MOST_NAME = 252
#: Where ISO 9660 says what it is.
_MAGIC_AT, _MAGIC = 32769, b"CD001"


def is_image(path: Path) -> bool:
    """Whether a file is an image of a disc."""
    with path.open("rb") as stream:
        stream.seek(_MAGIC_AT)
        return stream.read(len(_MAGIC)) == _MAGIC


def write_image(folder: Path, name: str, stream: BinaryIO) -> None:
    """Write all files of a folder as an image; of the volume's name, what ISO 9660 lacks is `_`.

    Raises Invalid for a file whose name is too long for UDF.
    """
    iso = PyCdlib()
    volume = _NOT_IN_NAMES.sub("_", name.upper()).strip("_")[:_LONGEST_NAME] or "MEDIUM"
    iso.new(interchange_level=_LEVEL, udf=_UDF, vol_ident=volume)
    numbers = {folder: ""}
    for number, path in enumerate(sorted(folder.rglob("*")), 1):
        if len(path.name.encode("utf-16-be")) > _MOST_NAME:
            raise Invalid(
                "record",
                f"“{path.name[:40]}…”太长，光盘上的名称最多 {_MOST_NAME // 2} 个字。",
                "请改短名称，或写成目录、ZIP。",
                code="form_cannot_say",
            )
        above, there = numbers[path.parent], f"/{path.relative_to(folder).as_posix()}"
        if path.is_dir():
            numbers[path] = f"{above}/D{number:07d}"
            iso.add_directory(numbers[path], udf_path=there)
        else:
            iso.add_file(str(path), f"{above}/F{number:07d}.;1", udf_path=there)
    iso.write_fp(stream)
    iso.close()
