"""Bundles of a fonds under hand-over: built the same each time, opened as if an enemy sent them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from shared.kernel.errors import Invalid
from shared.packaging import build_bundle, open_bundle


@pytest.fixture
def sources(tmp_path: Path) -> list[tuple[str, Path]]:
    found = []
    for name, content in (("rows/000001.jsonl", b'["a",{}]\n'), ("files/" + "a" * 64, b"x" * 999)):
        path = tmp_path / name.replace("/", "-")
        path.write_bytes(content)
        found.append((name, path))
    return found


def test_the_same_files_give_the_same_bundle(tmp_path: Path, sources: list[tuple[str, Path]]):
    about = {"hand_over_id": "x", "number": "1"}
    first = build_bundle(sources, about=about, target=tmp_path / "1.zip")
    second = build_bundle(sources, about=about, target=tmp_path / "2.zip")
    assert first == second
    with open_bundle(tmp_path / "1.zip") as bundle:
        assert bundle.about == about
        assert list(bundle.entries) == [name for name, _path in sources]
        for name, path in sources:
            with bundle.open(name) as stream:
                assert stream.read() == path.read_bytes()


def test_a_changed_byte_is_noticed_while_it_is_read(
    tmp_path: Path, sources: list[tuple[str, Path]]
):
    target = tmp_path / "bundle.zip"
    build_bundle(sources, about={}, target=target)
    content = target.read_bytes()
    target.write_bytes(content.replace(b"x" * 999, b"y" + b"x" * 998))
    name = sources[1][0]
    with open_bundle(target) as bundle, bundle.open(name) as stream, pytest.raises(Invalid):
        stream.read()


@pytest.mark.parametrize("what", ["truncated", "appended", "no_manifest", "more_than_listed"])
def test_what_is_no_bundle_is_refused(tmp_path: Path, sources: list[tuple[str, Path]], what: str):
    target = tmp_path / "bundle.zip"
    build_bundle(sources, about={}, target=target)
    content = target.read_bytes()
    if what == "truncated":
        target.write_bytes(content[:-40])
    elif what == "appended":
        target.write_bytes(content + b"more")
    elif what == "no_manifest":
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("rows/000001.jsonl", b"")
    else:
        with zipfile.ZipFile(target, "a") as archive:
            archive.writestr("rows/000002.jsonl", b"")
    with pytest.raises(Invalid):
        open_bundle(target)
