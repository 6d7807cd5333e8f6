"""The names in a ZIP that comes from anywhere: UTF-8, or GBK as Windows in Chinese packs them."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence

_UTF8 = 0x800


def _raw(entry: zipfile.ZipInfo) -> bytes | None:
    """The bytes of a name whose encoding the ZIP does not say."""
    return None if entry.flag_bits & _UTF8 else entry.filename.encode("cp437", "replace")


def encoding_of(entries: Sequence[zipfile.ZipInfo]) -> str:
    """How the names of a ZIP are written that does not say so: UTF-8 or GBK, one for all.

    Two Chinese characters in GBK can be read as UTF-8, too, but then as Greek or Hebrew letters:
    what people here write in UTF-8 lies above them, but for the `·` of an archival code.
    """
    try:
        texts = [raw.decode("utf-8") for entry in entries if (raw := _raw(entry))]
    except UnicodeDecodeError:
        return "gb18030"
    odd = any("\x80" <= char < "\u0800" and char != "·" for text in texts for char in text)
    return "gb18030" if odd else "utf-8"


def entry_name(entry: zipfile.ZipInfo, encoding: str) -> str:
    """The name of an entry, in the encoding of its ZIP where it does not say its own."""
    raw = _raw(entry)
    try:
        return entry.filename if raw is None else raw.decode(encoding)
    except UnicodeDecodeError:
        return entry.filename
