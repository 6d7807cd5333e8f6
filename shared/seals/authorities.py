"""Who counts for seals, as an administrator keeps it: files in three folders of one folder.

`trust/` has the roots that count, `certificate/` what lies between, and certificates of seals,
`revoked/` the lists of revoked certificates. Files may be put there, replaced and taken away
while the program runs, such as a new list every night.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

from shared.kernel.errors import Invalid
from shared.verifier.certificates import Authorities, Certificate, RevocationList
from shared.verifier.report import read_authorities

_TRUST, _BETWEEN, _REVOKED = "trust", "certificate", "revoked"
_State = tuple[tuple[str, int, int], ...]


class AuthoritiesFolder:
    """A folder of authorities; read again when something in it is another."""

    def __init__(self, path: Path) -> None:
        """Raise Invalid for a path that is no folder."""
        if not path.is_dir():
            raise Invalid(
                "seal_authorities",
                f"设置项“seal_authorities”的目录“{path}”不存在。",
                "请建好这个目录，根证书放在其中的 trust，中间证书和印章证书放在 certificate，"
                "吊销列表放在 revoked。",
            )
        self._path = path
        self._lock = threading.Lock()
        self._state: _State | None = None
        self._read = Authorities()
        self._unreadable: list[Path] = []

    def current(self) -> Authorities:
        """Who counts by the files that are there now; one that cannot be read is left out."""
        with self._lock:
            self._look()
            return self._read

    def unreadable(self) -> list[Path]:
        """The files that hold nothing of the kind, or cannot be read."""
        with self._lock:
            self._look()
            return self._unreadable

    def _look(self) -> None:
        state = tuple(
            (str(path), found.st_size, found.st_mtime_ns)
            for folder in (_TRUST, _BETWEEN, _REVOKED)
            for path in self._files(folder)
            for found in (path.stat(),)
        )
        if state == self._state:
            return
        self._unreadable = []
        trusted, others, revoked = (
            [part for path in self._files(folder) for part in self._one(path)]
            for folder in (_TRUST, _BETWEEN, _REVOKED)
        )
        self._read = Authorities(
            _certificates(trusted),
            _certificates([*others, *revoked]),
            [each for part in (*trusted, *others, *revoked) for each in part.revoked],
        )
        self._state = state

    def _files(self, folder: str) -> list[Path]:
        place = self._path / folder
        return sorted(path for path in place.iterdir() if path.is_file()) if place.is_dir() else []

    def _one(self, path: Path) -> list[Authorities]:
        """What one file holds; nothing, and remembered as such, when it cannot be read."""
        try:
            found = read_authorities([path], (), [path])
            for each in found.revoked:
                if isinstance(each, RevocationList):
                    _ = (each.issuer, each.dates)
        except (OSError, ValueError, IndexError):
            self._unreadable.append(path)
            return []
        return [found]


def _certificates(parts: Iterable[Authorities]) -> list[Certificate]:
    return [each for part in parts for each in part.trusted]
