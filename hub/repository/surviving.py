"""What of a record's object has survived, by the object alone: for a rebuild, which has no tables.

The version that counts is the highest whose inventory fits its sidecar and whose receipt is there
as it was written. Where the inventory of the object itself says something else, it is written anew
from that version's; what came after it stays in its folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from hub.repository import objects
from hub.repository.examining import Stores
from hub.repository.expected import read_small
from hub.repository.keeping import Kept, keeper_of
from hub.repository.mending import copy_file, mend_object, put_aside
from hub.repository.papers import read_document
from shared.kernel.ailment import Ailment
from shared.kernel.canonical import sha256_hex
from shared.kernel.errors import Conflict, NotFound
from shared.storage import ObjectStore

_INVENTORY, _SIDECAR = "inventory.json", "inventory.json.sha256"
_VERSION = re.compile(r"v([1-9]\d*)")
_RECEIPT, _PACKAGE = "receipt.json", ".zip"
#: What is no paper: objects, what 0.1 left, what was put aside.
_ASIDE_OR_OBJECT = re.compile(r"^(archives/[^/]+/(ocfl|records|aside)|hub/aside)/")


@dataclass(frozen=True)
class Survey:
    """What looking at the objects of an archive said: how many are whole, what is wrong."""

    whole: int
    findings: list[Ailment]


def survey(stores: Stores, archive_code: str) -> Survey:
    """Look at every object of an archive, and let each say what its last good version says.

    What the second store has better is brought back first. The bytes of packages are not read
    here: who receives them again reads every one. May be repeated, and be killed anywhere.
    """
    store = stores.first
    whole, findings = 0, []
    if stores.second is not None:
        for folder, names in _objects(stores.second, archive_code):
            _bring_back(stores, archive_code, folder, names)
    for folder, names in _objects(store, archive_code):
        found = list(_examine(store, folder, names))
        whole += not found
        findings += found
    return Survey(whole, findings)


def bring_papers_back(stores: Stores, folder: str) -> None:
    """Copy papers below a folder that the first store lacks or has unreadable from the second.

    What cannot be read as it should is put aside.
    """
    first, second = stores.first, stores.second
    for name in () if second is None else second.names(folder):
        if second is None or _ASIDE_OR_OBJECT.search(name):
            continue
        if first.exists(name):
            is_sound = not name.endswith(".json") or _is_document(first, name)
            if is_sound or not _is_document(second, name):
                continue
            put_aside(first, Kept(name, keeper_of(name), None, {}), name)
            first.delete(name)
        copy_file(second, first, name, second.stat(name).sha256)


def _is_document(store: ObjectStore, name: str) -> bool:
    content = read_small(store, name)
    return content is not None and read_document(content) is not None


def _bring_back(stores: Stores, archive_code: str, folder: str, names: list[str]) -> None:
    """Mend an object that differs in more than the bytes of its package (not read here)."""
    first, second = stores.first, stores.second
    small = (name for name in names if not name.endswith(_PACKAGE))
    if second is None or (
        all(map(first.exists, names))
        and all(read_small(first, name) == read_small(second, name) for name in small)
    ):
        return
    with suppress(Conflict):  # its inventory is damaged there
        record_id = objects.record_in(second, folder)
        if record_id is not None:
            mend_object(stores, archive_code, record_id)


def _objects(store: ObjectStore, archive_code: str) -> Iterator[tuple[str, list[str]]]:
    deep = objects.folder_of(archive_code, "").count("/") + 1
    for parts, names in groupby(
        objects.object_names(store, archive_code), key=lambda name: name.split("/")[:deep]
    ):
        yield "/".join(parts), list(names)


def _examine(store: ObjectStore, folder: str, names: list[str]) -> Iterator[Ailment]:
    inside = {name.removeprefix(f"{folder}/").split("/")[0] for name in names}
    numbers = sorted(
        (int(each[1]) for each in map(_VERSION.fullmatch, inside) if each), reverse=True
    )
    good = next(filter(None, (_good_version(store, folder, number) for number in numbers)), None)
    if good is None:
        if f"{folder}/{_INVENTORY}" in names:
            yield Ailment(
                "object_damaged",
                f"馆藏对象 {folder} 没有一个版本的清单和接收凭证是完好的，没有重建。",
                "保留现场，从另一份备份拷回这个目录，再运行 danglian hub recover。",
            )
        return  # without any inventory it was never received: `restoring` names its package
    inventory, content = good
    if not _is_root(store, folder, content):
        sidecar = f"{sha256_hex(content)} {_INVENTORY}\n".encode()
        store.replace(f"{folder}/{_SIDECAR}", sidecar)
        store.replace(f"{folder}/{_INVENTORY}", content)
        yield Ailment(
            "inventory_mended",
            f"馆藏对象 {folder} 的清单缺损，已按版本 {inventory['head']} 的清单写好。",
            "核对这件档案；后来的版本如在另一份备份里，拷回后运行 danglian hub recover。",
        )
    for digest, paths in inventory["manifest"].items():
        for path in paths:
            if not path.endswith(_PACKAGE) and _digest(store, f"{folder}/{path}") != digest:
                yield Ailment(
                    "object_damaged",
                    f"馆藏文件 {folder}/{path} 缺失，或内容变了。",
                    "保留现场，从另一份备份拷回这个文件，再运行 danglian hub recover。",
                )


def _good_version(
    store: ObjectStore, folder: str, number: int
) -> tuple[dict[str, Any], bytes] | None:
    """The inventory of a version and its bytes, if it can be believed."""
    start = f"{folder}/v{number}"
    try:
        content, sidecar = (_read(store, f"{start}/{each}") for each in (_INVENTORY, _SIDECAR))
        inventory = json.loads(content)
        fits = sidecar.split()[0].decode() == sha256_hex(content)
        of_object = folder.endswith(sha256_hex(inventory["id"].encode()))
        receipt = objects.files_of(inventory)[_RECEIPT]
        digest = next(d for d, paths in inventory["manifest"].items() if receipt in paths)
        kept = _digest(store, f"{folder}/{receipt}") == digest
    except (NotFound, ValueError, TypeError, KeyError, IndexError, AttributeError, StopIteration):
        return None
    good = fits and of_object and kept and inventory["head"] == f"v{number}"
    return (inventory, content) if good else None


def _is_root(store: ObjectStore, folder: str, content: bytes) -> bool:
    try:
        return _read(store, f"{folder}/{_INVENTORY}") == content and _read(
            store, f"{folder}/{_SIDECAR}"
        ).split()[0].decode() == sha256_hex(content)
    except (NotFound, ValueError, IndexError):
        return False


def _digest(store: ObjectStore, name: str) -> str | None:
    try:
        return store.stat(name).sha256
    except NotFound:
        return None


def _read(store: ObjectStore, name: str) -> bytes:
    with store.open(name) as stream:
        return stream.read()
