"""Reading what a hand-over brought: bundle by bundle, entry by entry, as if an enemy sent it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.office.places import NodeFolder
from node.office.working import HANDING
from node.registry.files import object_name
from shared.kernel.errors import Invalid
from shared.kernel.files import chunks
from shared.packaging import Bundle, open_bundle

INVENTORY = "inventory.json"
ROWS, FILES = "rows/", "files/"
#: Lines to one entry of rows, so that each is written in one short transaction.
MOST_LINES = 500
_MOST_ROWS_ENTRY = 64 * 1024 * 1024
_MOST_INVENTORY = 1 << 30


@dataclass(frozen=True)
class Step:
    """One thing to do with a bundle: an entry of rows, or (`entry` None) all its files."""

    bundle: Path
    entry: str | None


def work_place(folder: NodeFolder, hand_over_id: str) -> Path:
    """The folder for the working files of one hand-over; made at the first need."""
    place = folder.path / HANDING / hand_over_id
    place.mkdir(parents=True, exist_ok=True)
    return place


def bundle_path(folder: NodeFolder, sha256: str) -> Path:
    """Where a bundle of this digest lies."""
    return folder.path / "bundles" / bundle_name(sha256)


def bundle_name(sha256: str) -> str:
    """The name of a bundle in the node's store of bundles."""
    return f"{sha256[:2]}/{sha256}"


def steps_of(bundles: Sequence[Path], hand_over_id: str) -> list[Step]:
    """Everything that is to be done, in order. Raises Invalid for a bundle of another hand-over."""
    steps = []
    for path in bundles:
        with open_bundle(path) as bundle:
            if bundle.about.get("hand_over_id") != hand_over_id:
                raise _wrong("不是这次交接的内容")
            names = list(bundle.entries)
        steps += [Step(path, name) for name in names if name.startswith(ROWS)]
        if any(name.startswith(FILES) for name in names):
            steps.append(Step(path, None))
        if strange := [
            name for name in names if not name.startswith((ROWS, FILES)) and name != INVENTORY
        ]:
            raise _wrong(f"有不认识的内容“{strange[0][:60]}”")
    return steps


def read_inventory(first: Path, sha256: str) -> dict[str, Any]:
    """The inventory that both sides sign by this digest; it lies in the first bundle."""
    with open_bundle(first) as bundle:
        entry = bundle.entries.get(INVENTORY)
        if entry is None or entry.sha256 != sha256 or entry.size > _MOST_INVENTORY:
            raise _wrong("清单与所签的不符")
        with bundle.open(INVENTORY) as stream:
            found: dict[str, Any] = json.loads(stream.read())
    return found


def rows_in(step: Step) -> list[tuple[str, dict[str, Any]]]:
    """The rows of one entry: `(table, values)`."""
    with open_bundle(step.bundle) as bundle:
        name = str(step.entry)
        if bundle.entries[name].size > _MOST_ROWS_ENTRY:
            raise _wrong("一段资料过大")
        with bundle.open(name) as stream:
            lines = stream.read().splitlines()
    if len(lines) > MOST_LINES:
        raise _wrong("一段资料过大")
    found = []
    for line in lines:
        try:
            table, values = json.loads(line, parse_float=_no_float)
        except (ValueError, TypeError, RecursionError) as error:
            raise _wrong("有一行资料不能识别") from error
        if not isinstance(table, str) or not isinstance(values, dict):
            raise _wrong("有一行资料不能识别")
        found.append((table, values))
    return found


def check_files(step: Step) -> list[str]:
    """Read every computer file of a bundle; returns their digests. Raises Invalid."""
    digests = []
    with open_bundle(step.bundle) as bundle:
        for name in _file_names(bundle):
            digest = hashlib.sha256()
            with bundle.open(name) as stream:
                for piece in chunks(stream):
                    digest.update(piece)
            if name != FILES + digest.hexdigest():
                raise _wrong("一个电子文件的摘要与名称不符")
            digests.append(digest.hexdigest())
    return digests


def file_entries(bundles: Sequence[Path]) -> set[str]:
    """The names of all computer files in these bundles."""
    found: set[str] = set()
    for path in bundles:
        with open_bundle(path) as bundle:
            found.update(_file_names(bundle))
    return found


def keep_files(step: Step, folder: NodeFolder) -> None:
    """Put the computer files of a bundle into this node's file store; those there are fine."""
    with open_bundle(step.bundle) as bundle:
        for name in _file_names(bundle):
            entry = bundle.entries[name]
            with bundle.open(name) as stream:
                folder.files.put(
                    object_name(entry.sha256), stream, sha256=entry.sha256, size=entry.size
                )


def _no_float(_text: str) -> float:
    raise ValueError("a float has no canonical form")


def _file_names(bundle: Bundle) -> list[str]:
    return [name for name in bundle.entries if name.startswith(FILES)]


def _wrong(problem: str) -> Invalid:
    return Invalid(
        "bundle",
        f"交接内容{problem}。",
        "请不要签字，取消这次交接，由移出单位重新清点。",
        code="bad_bundle",
    )
