"""The package that `docs/packages.md` shows: made by the code, each time the same but for keys."""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from shared.kernel.certificates import self_signed
from shared.kernel.keys import SigningKey
from shared.packaging.eep import Making, SealSigner, write_modified, write_original
from shared.records.record import Record
from tests.shared.records.strategies import a_fonds, a_record

_UNIT = "夷陵区人民政府办公室"
_MADE = datetime(2025, 3, 2, 1, 0, tzinfo=UTC)
#: Differ from one making to the next, and say nothing to people.
_KEYS = re.compile(r"(<(签名结果|证书)>)[^<]*")


def example_record(folder: Path) -> Record:
    """The record that the page shows; its one computer file is `file` in the folder."""
    content = "各乡镇人民政府：请于4月底前完成归档。\n".encode()
    (folder / "file").write_bytes(content)
    record = a_record()
    (document,) = record.documents
    (file,) = document.files
    file = replace(
        file,
        name="通知.txt",
        format="x-fmt/111",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return replace(record, documents=(replace(document, files=(file,)),))


def make(*, modified: bool = False) -> bytes:
    """The example, or the one that wraps it with a corrected title."""
    key = SigningKey.generate()
    until = datetime(2035, 1, 1, tzinfo=UTC)
    signer = SealSigner(key, (self_signed(key, _UNIT, datetime(2025, 1, 1, tzinfo=UTC), until),))
    made = Making(_UNIT, (signer,), time=_MADE)
    with tempfile.TemporaryDirectory() as name:
        record = example_record(Path(name))
        files = {file.id: Path(name) / "file" for file in record.files}
        first = io.BytesIO()
        write_original(record, files, first, fonds=a_fonds(), making=made)
        if not modified:
            return first.getvalue()
        second = io.BytesIO()
        later = replace(record, version=2, title="关于做好2024年度档案工作的通知")
        write_modified(first, later, files, second, fonds=a_fonds(), making=made)
        return second.getvalue()


def shown() -> str:
    """The example as a block; what keys make is left out, and the signatures stand on lines."""
    text = _KEYS.sub(r"\1…", make().decode())
    head, signed, tail = re.split("(<被签名对象.*</被签名对象>)", text, flags=re.DOTALL)
    lines = [re.sub("><(?!/)", ">\n<", part).replace("></", ">\n</") for part in (head, tail)]
    return f"```xml\n{lines[0]}\n{signed}\n{lines[1].strip()}\n```"
