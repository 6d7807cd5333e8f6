"""One copy of one thing that is kept is read: every file once, every fault by its name."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from enum import StrEnum

from hub.repository.expected import Expected, expected_in, require_store
from hub.repository.keeping import OF_HUB, Copy, Kept, home_of
from hub.repository.objects import INVENTORY
from shared.kernel.errors import DanglianError, NotFound, Unavailable
from shared.kernel.files import chunks
from shared.storage import ObjectStore

#: Stands for the digest of a file that is there and cannot be read.
UNREADABLE = "unreadable"


class FaultKind(StrEnum):
    """What is wrong with a file; `contradicts`: the inventory says another digest than we know."""

    DAMAGED = "damaged"
    MISSING = "missing"
    SURPLUS = "surplus"
    CONTRADICTS = "contradicts"


#: What people call it.
KIND_NAMES = {
    FaultKind.DAMAGED: "损坏",
    FaultKind.MISSING: "缺失",
    FaultKind.SURPLUS: "多余",
    FaultKind.CONTRADICTS: "清单不符",
}


@dataclass(frozen=True)
class Fault:
    """One file that is not as it was received: its name in the store, and the digests."""

    name: str
    kind: FaultKind
    expected: str | None = None
    actual: str | None = None


@dataclass(frozen=True)
class Stores:
    """The store of the hub, and the second one where there is one."""

    first: ObjectStore
    second: ObjectStore | None = None

    def of(self, copy: Copy) -> ObjectStore:
        """The store that has this copy. Raises Unavailable when there is no second one."""
        found = self.first if copy is Copy.FIRST else self.second
        if found is None:
            raise Unavailable("没有设置第二份存储。", "请填写设置项 second_store。")
        return found

    def beside(self, copy: Copy) -> ObjectStore | None:
        """The store that has the other copy."""
        return self.second if copy is Copy.FIRST else self.first

    @property
    def copies(self) -> tuple[Copy, ...]:
        """The copies that there are."""
        return (Copy.FIRST,) if self.second is None else (Copy.FIRST, Copy.SECOND)


class Pace:
    """Holds reading to so many bytes a second on average; 0 is as fast as it goes."""

    def __init__(self, rate: int = 0) -> None:
        self._rate = rate
        self._free_at = 0.0

    def took(self, count: int) -> None:
        """Note that so many bytes were read; waits until the next may be."""
        if self._rate:
            moment = time.monotonic()
            self._free_at = max(self._free_at, moment) + count / self._rate
            if (wait := self._free_at - moment) > 0.05:
                time.sleep(wait)


@dataclass(frozen=True)
class Looked:
    """What one reading of one copy said: its faults, what was read for it, what was done since.

    `settled` says that whatever was wished has been done, or cannot be.
    """

    kept: Kept
    copy: Copy
    faults: tuple[Fault, ...]
    files: int = 0
    bytes: int = 0
    mended: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    settled: bool = False


def examine(
    store: ObjectStore, kept: Kept, copy: Copy, *, pace: Pace, beside: ObjectStore | None = None
) -> Looked:
    """Read one copy of what is kept, each file once, and name every fault.

    `beside` has another copy: its inventory tells what must be there when no inventory here can be
    believed, or none has all that the database names. Raises Unavailable when the store is away,
    also when it is there and holds nothing at all of the archive (a disk that is not mounted).
    """
    names = _names(store, kept)
    home = home_of(kept.archive_code)
    if not names and next(store.names(f"{home}/"), None) is None:
        whose = "平台自己" if kept.archive_code == OF_HUB else f"档案馆 {kept.archive_code} "
        raise Unavailable(
            f"存储里没有{whose}的任何内容。",
            "请检查磁盘或存储桶是否挂好、地址是否填对；恢复后自动继续。",
        )
    expected = expected_in(store, kept)
    faults: list[Fault] = []
    if expected is None or expected.contradicted:
        expected = _expected_beside(beside, kept) or expected
    if expected is None:
        # What belongs here is not known then, but for the files that the database names.
        inventory = f"{kept.place}/{INVENTORY}"
        kind = FaultKind.DAMAGED if inventory in names else FaultKind.MISSING
        faults.append(Fault(inventory, kind))
        expected = Expected(kept.files)
        names &= set(kept.files)
    files = size = 0
    for name, digest in expected.digests.items():
        actual, count = _digest(store, name, pace) if name in names else (None, 0)
        files, size = files + 1, size + count
        if actual is None:
            faults.append(Fault(name, FaultKind.MISSING, digest))
        elif actual != digest:
            faults.append(Fault(name, FaultKind.DAMAGED, digest, actual))
    faults += (
        Fault(name, FaultKind.CONTRADICTS, kept.files[name], said)
        for name, said in expected.contradicted.items()
    )
    faults += (Fault(name, FaultKind.SURPLUS) for name in sorted(names - set(expected.digests)))
    return Looked(kept, copy, tuple(faults), files, size)


def _names(store: ObjectStore, kept: Kept) -> set[str]:
    if kept.is_folder:
        return set(store.names(f"{kept.place}/"))
    return {kept.place} if store.exists(kept.place) else set()


def _expected_beside(beside: ObjectStore | None, kept: Kept) -> Expected | None:
    """What must be there by another copy, if that has all that the database names."""
    if beside is None:
        return None
    try:
        found = expected_in(beside, kept)
    except Unavailable:
        return None
    return None if found is None or found.contradicted else found


def digest_in(store: ObjectStore, name: str) -> str | None:
    """The digest of a file as it is now; None when it is not there, `UNREADABLE` when it fails."""
    return _digest(store, name, Pace())[0]


def _digest(store: ObjectStore, name: str, pace: Pace) -> tuple[str | None, int]:
    digest = hashlib.sha256()
    count = 0
    try:
        with store.open(name) as stream:
            for piece in chunks(stream):
                digest.update(piece)
                count += len(piece)
                pace.took(len(piece))
    except NotFound:
        return None, count
    except (OSError, DanglianError):
        require_store(store, name)
        return UNREADABLE, count
    return digest.hexdigest(), count
