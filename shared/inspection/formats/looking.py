"""Looking into one file, here and now: identify it, examine it by its family, search its text.

This runs in the sandbox (`sandbox.py`); nobody else calls it on a stranger's file.
"""

from __future__ import annotations

import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from typing import BinaryIO

from lxml import etree

from shared.inspection.formats import (
    audio_video,
    compound,
    images,
    mail,
    ofd,
    office,
    pdf,
    recordings,
    siard,
    text,
    zips,
)
from shared.inspection.formats.annexes import named_annexes
from shared.inspection.formats.examination import Examination, Look, Mark, Questions
from shared.inspection.formats.first_words import first_words
from shared.inspection.formats.identification import identify
from shared.inspection.formats.table import Format
from shared.inspection.formats.trouble import DAMAGED
from shared.records.security import page_mark

_Examiner = Callable[[BinaryIO, int, Look], None]
_EXAMINERS: dict[str, _Examiner] = {
    "pdf": pdf.examine,
    "ofd": ofd.examine,
    "docx": office.examine_word,
    "xlsx": office.examine_sheets,
    "pptx": office.examine_slides,
    "siard": siard.examine,
    "zip": zips.examine,
    "doc": compound.examine_word,
    "xls": compound.examine_sheets,
    "ppt": compound.examine_slides,
    "ole": compound.examine,
    "encrypted_office": compound.examine_locked,
    "rtf": text.examine_rtf,
    "txt": text.examine,
    "html": text.examine,
    "xml": text.examine_xml,
    "eml": mail.examine,
    "tiff": images.examine,
    "jpeg": images.examine,
    "png": images.examine,
    "jp2": images.examine,
    "gif": images.examine,
    "bmp": images.examine,
    "wav": audio_video.examine_wave,
    "avi": audio_video.examine_avi,
    "mp4": audio_video.examine_mp4,
    "mp3": audio_video.examine_mp3,
    "mpeg": audio_video.examine_mpeg,
    "mxf": recordings.examine_mxf,
    "mkv": recordings.examine_matroska,
    "flac": recordings.examine_flac,
}
#: What hostile bytes make the libraries raise: it is the file's trouble, not ours.
BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError,
    EOFError, RuntimeError, RecursionError, AssertionError, struct.error, zlib.error,
    zipfile.BadZipFile, etree.LxmlError, Warning,
)  # fmt: skip
#: A text of fewer Chinese characters is a caption or a stamp, and answers nothing.
_LEAST_TEXT = 40
_CHINESE = re.compile("[一-鿿]")


def examine(stream: BinaryIO, questions: Questions, seconds: float) -> Examination:
    """Everything that a program can tell of a file, within these seconds of computing."""
    kind = identify(stream)
    if kind is None:
        return Examination(None)
    look = Look(seconds=seconds)
    examiner = _EXAMINERS.get(kind.code)
    if examiner is not None:
        size = stream.seek(0, 2)
        stream.seek(0)
        try:
            examiner(stream, size, look)
        except BROKEN:
            look.trouble(DAMAGED, "文件的内部结构有误，不能完整读出")
    mark, words = _first_page(kind, stream, look.words)
    if (annexes := named_annexes(words)) is not None:
        look.facts["annexes"] = annexes
    return Examination(kind, tuple(look.troubles), look.facts, mark, _answers(look, questions))


def mark_of(kind: Format, stream: BinaryIO) -> Mark:
    """Whether the first page bears a mark; `unread` when its words cannot be had."""
    return _first_page(kind, stream)[0]


def _first_page(kind: Format, stream: BinaryIO, words: str | None = None) -> tuple[Mark, str]:
    """Its mark, and its words where they can be had; they may have been met already."""
    if not kind.has_words:
        return Mark.WORDLESS, ""
    try:
        if words is None:
            words = first_words(kind, stream)
    except BROKEN:
        return Mark.UNREAD, ""
    return (Mark.CLEAR if page_mark(words) is None else Mark.MARKED), words


def _answers(look: Look, questions: Questions) -> dict[str, bool] | None:
    whole = "".join(look.text)
    if len(_CHINESE.findall(whole)) < _LEAST_TEXT:
        return None
    plain = _plain(whole)
    return {
        name: any(_plain(each) in plain for each in spellings)
        for name, spellings in questions.items()
    }


def _plain(words: str) -> str:
    """Letters and figures alone: lines break anywhere, and brackets have many shapes."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", words)).upper()
