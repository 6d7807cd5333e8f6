"""What a bag must be: RFC 8493, read again here and by the Library of Congress's own bagit."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import bagit

from shared.kernel.canonical import sha256_hex

_LINE = re.compile(r"([0-9a-f]{64})[ \t]+(?:\./)?(.+)")


def assert_bag(folder: Path) -> None:
    """A bag as RFC 8493 has it: declaration, payload listed whole, tag files listed."""
    bagit.Bag(str(folder)).validate()
    declared = (folder / "bagit.txt").read_text(encoding="utf-8")
    assert declared == "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    payload = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in (folder / "data").rglob("*")
        if path.is_file()
    }
    assert _listed(folder / "manifest-sha256.txt") == {
        name: sha256_hex(content) for name, content in payload.items()
    }
    tags = {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith("tagmanifest")
    }
    assert _listed(folder / "tagmanifest-sha256.txt") == {
        name: sha256_hex(content) for name, content in tags.items()
    }
    info = dict(
        line.split(": ", 1)
        for line in (folder / "bag-info.txt").read_text(encoding="utf-8").splitlines()
    )
    assert info["Payload-Oxum"] == f"{sum(map(len, payload.values()))}.{len(payload)}"


def _listed(manifest: Path) -> dict[str, str]:
    """A manifest (section 2.1.3): each line a digest, white space, a path, escaped by percent."""
    found = {}
    for line in manifest.read_text(encoding="utf-8").split("\n")[:-1]:
        match = _LINE.fullmatch(line)
        assert match, line
        name = unquote(match[2])
        assert name not in found
        found[name] = match[1]
    return found
