"""The two forms of many records in one tree: item package of DA/T 93, medium of 档发〔2012〕7号.

What they fix is data, with a mark of confidence at each fact; what turns out otherwise is changed
there.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"

DAT93, MEDIUM = "dat93", "medium"
_FILES = {DAT93: "dat93-2022.json", MEDIUM: "medium-2012.json"}


@dataclass(frozen=True)
class Line:
    """A line of the description file 说明文件: its key, and what it holds."""

    name: str
    holds: str
    required: bool


@dataclass(frozen=True)
class Column:
    """A column of a catalogue: an element of DA/T 46, or something of the form itself."""

    name: str
    element: str | None
    holds: str | None
    required: bool


@dataclass(frozen=True)
class Catalogue:
    """A catalogue 目录: its file, its elements, and the levels of records that stand in it."""

    file: str
    root: str
    row: str
    levels: tuple[str, ...]
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Form:
    """One form of the edges."""

    key: str
    standard: str
    name: str
    version: str
    description_file: str
    lines: tuple[Line, ...]
    catalogues: tuple[Catalogue, ...]
    folders: tuple[str, ...]
    metadata_name: str
    metadata_pattern: re.Pattern[str]
    other: str
    most_records: int

    def is_metadata(self, name: str) -> bool:
        """Whether a file in a record's folder is its metadata, by its name."""
        return self.metadata_pattern.fullmatch(name) is not None

    def metadata_file(self, number: int) -> str:
        """The name of the metadata file of this number in a record's folder."""
        return self.metadata_name.format(number=number)


@cache
def form_of(key: str) -> Form:
    """A form by its key `dat93` or `medium`."""
    data: Any = json.loads((DATA / _FILES[key]).read_text(encoding="utf-8"))
    return Form(
        key,
        data["standard"],
        data["name"],
        data["version"],
        data["description_file"]["value"],
        tuple(Line(each["name"], each["holds"], each["required"]) for each in data["lines"]),
        tuple(
            Catalogue(
                each["file"],
                each["root"],
                each["row"],
                tuple(each["levels"]),
                tuple(
                    Column(col["name"], col.get("element"), col.get("holds"), col["required"])
                    for col in each["columns"]
                ),
            )
            for each in data["catalogues"]
        ),
        tuple(data["folders"]["value"]),
        data["metadata_name"]["value"],
        re.compile(data["metadata_name"]["pattern"], re.IGNORECASE),
        data["other"]["value"],
        data["most_records"]["value"],
    )
