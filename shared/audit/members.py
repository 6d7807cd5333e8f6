"""That a thing was among those of an act on many: by the list of all, or by a path to the root.

The event keeps how many they were and the Merkle root (SM3) over their names, sorted. Who has the
list computes the root from it, and hands on a path: short, and naming none of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.audit.exported import event_in, verify_files
from shared.kernel.errors import Invalid
from shared.kernel.keys import PublicKey
from shared.kernel.merkle import merkle_path, merkle_root, root_along

_ALGORITHM = "sm3"
#: A path through a list of a thousand million names has thirty steps.
_LONGEST_PATH = 64


@dataclass(frozen=True)
class Membership:
    """That a name leads to a root, and how."""

    name: str
    root: str
    path: Sequence[tuple[str, str]]

    def to_wire(self) -> dict[str, Any]:
        """As JSON, to be handed on."""
        steps = [{"side": side, "digest": digest} for side, digest in self.path]
        return {"algorithm": _ALGORITHM, "name": self.name, "root": self.root, "path": steps}

    @classmethod
    def from_wire(cls, wire: object) -> Membership:
        """The proof that a file tells of; its root is computed anew. Raises Invalid."""
        try:
            if not isinstance(wire, Mapping) or len(wire["path"]) > _LONGEST_PATH:
                raise ValueError("no proof")
            path = [(str(each["side"]), str(each["digest"])) for each in wire["path"]]
            name = str(wire["name"])
            return cls(name, root_along(name.encode(), path, algorithm=_ALGORITHM), path)
        except (LookupError, TypeError, ValueError) as error:
            raise Invalid(
                "proof", "这不是一份证明文件。", "请给出 danglian audit member --json 写下的文件。"
            ) from error


def membership(name: str, names: Collection[str]) -> Membership:
    """The proof that a name is one of these. Raises Invalid when it is not."""
    ordered = sorted(names)
    if name not in ordered:
        raise Invalid("name", f"“{name}”不在名单里。", "请核对编号；名单须是当时的全部，一行一个。")
    lines = [each.encode() for each in ordered]
    path = merkle_path(lines, ordered.index(name), algorithm=_ALGORITHM)
    return Membership(name, merkle_root(lines, algorithm=_ALGORITHM), path)


def act_of(files: Sequence[Path], seq: int, *, key: PublicKey | None = None) -> Mapping[str, Any]:
    """The act on many that an exported log tells of under a number; the whole log is computed.

    Raises Invalid when the log is not whole, or has no such act.
    """
    found = verify_files(files, key=key)
    if found.problems:
        raise Invalid(
            "files",
            f"日志不完整：{found.problems[0].message}",
            "先运行 danglian audit verify，查明原因。",
        )
    wire = event_in(files, seq)
    if wire is None or wire.get("root") is None:
        raise Invalid(
            "seq", f"第 {seq} 条不在这份日志里，或不是成批办理的。", "序号见“操作日志”页面。"
        )
    return wire
