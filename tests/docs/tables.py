"""What in the documents follows from the code: tables of codes and of what doctors say, an example.

`.venv/bin/python -m tests.docs.tables` writes them anew; `test_docs.py` fails when they are old.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.docs import eep_example, exchange_example, inspection_tables

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGES = ("hub", "node", "shared")

#: Where each table lies; it stands between `<!-- table: name -->` and `<!-- end of table -->`.
TABLES = {
    "error codes": DOCS / "codes.md",
    "finding codes": DOCS / "codes.md",
    "hub doctor": DOCS / "administrators.zh-CN.md",
    "node doctor": DOCS / "administrators.zh-CN.md",
    "weaknesses": DOCS / "administrators.zh-CN.md",
    "eep example": DOCS / "packages.md",
    "dat93 example": DOCS / "packages.md",
    "medium example": DOCS / "packages.md",
    **{f"inspection {name}": DOCS / "inspection.md" for name in inspection_tables.TABLES},
}
_END = "<!-- end of table -->"
_SPACES = re.compile(r"\s+")
_HAS_WORDS = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Said:
    """What the program says under one code: the first sentence found, and what to do."""

    code: str
    problem: str
    remedy: str
    statuses: tuple[int, ...] = ()


@dataclass
class _Maker:
    """A class or helper whose call makes an error or a finding, and where its parts stand."""

    parameters: list[str]
    values: dict[str, ast.expr] = field(default_factory=dict)
    statuses: tuple[int, ...] = ()
    own_code: str | None = None


#: How the family of errors takes its parts, by position.
_PLAIN = ["message", "remedy"]
_FIELDED = ["field", "message", "remedy"]
_FINDING = ["code", "message", "remedy"]
#: What integrators build with: its errors are raised on their side.
_CLIENT = ROOT / "shared/client"


@cache
def _modules() -> tuple[tuple[Path, ast.Module], ...]:
    paths = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    return tuple((path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths)


def texts(node: ast.expr | None, known: dict[str, ast.expr] | None = None) -> list[str]:
    """What an expression says, its variable parts as `…`; both sides of an `if … else`."""
    known = known or {}
    match node:
        case None:
            return []
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=body, orelse=other):
            return texts(body, known) + texts(other, known)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            ends = texts(right, known) or ["…"]
            return [start + end for start in texts(left, known) or ["…"] for end in ends]
        case ast.JoinedStr(values=parts):
            return ["".join(_part(each, known) for each in parts)]
        case ast.Name(id=name) if name in known:
            return texts(known[name], {**known, name: ast.Constant(None)})
    return []


def _part(node: ast.expr, known: dict[str, ast.expr]) -> str:
    if isinstance(node, ast.FormattedValue):
        return (texts(node.value, known) or ["…"])[0]
    return (texts(node, known) or ["…"])[0]


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _arguments(call: ast.Call, maker: _Maker) -> dict[str, ast.expr]:
    given = dict(zip(maker.parameters, call.args, strict=False))
    given |= {each.arg: each.value for each in call.keywords if each.arg}
    if "problem" in given:
        given.setdefault("message", given["problem"])
    return given


def _class_of_errors(found: dict[str, _Maker], node: ast.ClassDef) -> _Maker | None:
    base = next((found[_name(each)] for each in node.bases if _name(each) in found), None)
    if base is None and node.name != "DanglianError":
        return None
    maker = _Maker(
        list(base.parameters if base else _PLAIN),
        statuses=base.statuses if base else (500,),
        own_code=base.own_code if base else "error",
    )
    for each in node.body:
        name, value = _assigned(each)
        if name == "code" and isinstance(value, ast.Constant):
            maker.own_code = str(value.value)
        elif name == "status" and isinstance(value, ast.Constant):
            maker.statuses = (int(str(value.value)),)
        elif isinstance(each, ast.FunctionDef) and each.name == "__init__":
            maker.parameters = _parameters(each)[1:]
            for call in _calls(each):
                if isinstance(call.func, ast.Attribute) and call.func.attr == "__init__":
                    maker.values = _arguments(call, base or maker)
    if node.name == "DanglianError":
        maker.parameters = _PLAIN
    elif node.name == "Invalid":
        maker.parameters, maker.values = _FIELDED, {}
    return maker


def _assigned(node: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        return _name(node.targets[0]), node.value
    if isinstance(node, ast.AnnAssign):
        return _name(node.target), node.value
    return "", None


def _parameters(node: ast.FunctionDef) -> list[str]:
    return [each.arg for each in node.args.posonlyargs + node.args.args]


@cache
def _calls(tree: ast.AST) -> Sequence[ast.Call]:
    found = [each for each in ast.walk(tree) if isinstance(each, ast.Call)]
    return sorted(found, key=lambda call: (call.lineno, call.col_offset))


@cache
def _errors() -> dict[str, _Maker]:
    """The classes of errors by name, wherever they stand."""
    found: dict[str, _Maker] = {}
    classes = [
        (path, node)
        for path, tree in _modules()
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    ]
    size = -1
    while len(found) > size:
        size = len(found)
        for path, node in classes:
            if (maker := _class_of_errors(found, node)) is not None:
                if _CLIENT in path.parents and maker.own_code != "error":
                    maker.statuses = ()  # raised at who asks, and never an answer
                found[node.name] = maker
    return found


def _helpers(tree: ast.Module, makers: dict[str, _Maker]) -> dict[str, _Maker]:
    """Functions of a module that only make an error or finding out of their arguments."""
    found = {}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for each in node.body:
            value = each.value if isinstance(each, ast.Return) else None
            if isinstance(value, ast.Call) and _name(value.func) in makers:
                inner = makers[_name(value.func)]
                given = {**inner.values, **_arguments(value, inner)}
                if isinstance(given.get("code"), ast.Name):
                    found[node.name] = _Maker(
                        _parameters(node), given, inner.statuses, inner.own_code
                    )
    return found


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """The texts that a module names, such as a remedy that several errors share."""
    named = (_assigned(node) for node in tree.body)
    return {name: value for name, value in named if value is not None and texts(value)}


def _said(makers: dict[str, _Maker]) -> Iterator[Said]:
    for _path, tree in _modules():
        known = {**makers, **_helpers(tree, makers)}
        constants = _constants(tree)
        for call in _calls(tree):
            maker = known.get(_name(call.func))
            if maker is None:
                continue
            given = _arguments(call, maker)
            whole = {**maker.values, **given}
            here = {**constants, **given}
            for code in texts(whole.get("code"), given):
                yield Said(
                    code,
                    (texts(whole.get("message"), here) or [""])[0],
                    (texts(whole.get("remedy"), here) or [""])[0],
                    maker.statuses,
                )


def _gathered(said: Iterable[Said]) -> list[Said]:
    found: dict[str, Said] = {}
    for each in said:
        first = found.setdefault(each.code, each)
        statuses = tuple(sorted({*first.statuses, *each.statuses}))
        # A sentence that is all variable says nothing; another place may say more.
        better = first if _HAS_WORDS.search(first.problem) else each
        found[each.code] = Said(each.code, better.problem, better.remedy, statuses)
    return sorted(found.values(), key=lambda each: each.code)


def _of_pages() -> Iterator[Said]:
    """What `shared.web.problems` answers by itself."""
    path = ROOT / "shared/web/problems.py"
    tree = next(tree for each, tree in _modules() if each == path)
    for node in tree.body:
        match _assigned(node):
            case "_CODES", ast.Dict() as written:
                codes = ast.literal_eval(written)
            case "_TEXTS", ast.Dict() as written:
                sentences = {
                    key.value: [(texts(part, _constants(tree)) or [""])[0] for part in value.elts]
                    for key, value in zip(written.keys, written.values, strict=True)
                    if isinstance(key, ast.Constant) and isinstance(value, ast.Tuple)
                }
    for status, code in codes.items():
        yield Said(code, sentences[status][1], sentences[status][2], (status,))
    for call in _calls(tree):
        if _name(call.func) == "Problem" and len(call.args) > 2 and texts(call.args[1]):
            remedy = (texts(call.args[3]) or [""])[0] if len(call.args) > 3 else ""
            status = ast.literal_eval(call.args[0])
            yield Said(texts(call.args[1])[0], (texts(call.args[2]) or [""])[0], remedy, (status,))


def error_codes() -> list[Said]:
    """Every code that an error may bear, at any edge."""
    own = [
        Said(
            maker.own_code,
            (texts(maker.values.get("message")) or [""])[0],
            (texts(maker.values.get("remedy")) or [""])[0],
            maker.statuses,
        )
        for maker in _errors().values()
        if maker.own_code and maker.own_code != "error"  # which every error replaces
    ]
    return _gathered([*_said(_errors()), *_of_pages(), *own])


def finding_codes() -> list[Said]:
    """Every code that a finding of an inspection may bear; those of errors may come as well."""
    makers = {"Finding": _Maker(_FINDING), "_wrong": _Maker([])}
    return _gathered(_said(makers))


def doctor_codes(side: str) -> list[Said]:
    """What the doctor of the hub or the node may find, room by room."""
    return [
        Said(*((texts(argument) or ["…"])[0] for argument in call.args))
        for path, tree in _modules()
        if path.name == "doctor.py" and path.is_relative_to(ROOT / side)
        for call in _calls(tree)
        if _name(call.func) == "Ailment"
    ]


def weaknesses() -> list[Said]:
    """What `check-config` may find at a hub or a node; a code that several settings share, once."""
    found = [
        Said(code, problem, remedy)
        for path, tree in _modules()
        if path.name == "check_config.py"
        for call in _calls(tree)
        if _name(call.func) == "Weakness"
        for code, _, problem, remedy in [[(texts(each) or ["…"])[0] for each in call.args]]
    ]
    return _gathered(found)


def _cell(text: str) -> str:
    return _SPACES.sub(" ", text).replace("|", "\\|").strip() or "–"


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def table(name: str) -> str:
    """One table, as it stands in its document."""
    if name == "error codes":
        return _table(
            ("code", "HTTP", "what is said, for example", "what to do"),
            (
                (
                    f"`{each.code}`",
                    "/".join(map(str, each.statuses)) or "–",
                    each.problem,
                    each.remedy,
                )
                for each in error_codes()
            ),
        )
    if name == "finding codes":
        return _table(
            ("code", "what is said, for example", "what to do"),
            ((f"`{each.code}`", each.problem, each.remedy) for each in finding_codes()),
        )
    if name == "eep example":
        return eep_example.shown()
    if name in ("dat93 example", "medium example"):
        return exchange_example.shown(name.partition(" ")[0])
    if name == "weaknesses":
        return _table(
            ("代号", "情况，例如", "怎么办"),
            ((f"`{each.code}`", each.problem, each.remedy) for each in weaknesses()),
        )
    if name.startswith("inspection "):
        return _table(*inspection_tables.TABLES[name.partition(" ")[2]]())
    return _table(
        ("代号", "情况", "怎么办"),
        (
            (f"`{each.code}`", each.problem, each.remedy)
            for each in doctor_codes(name.split(maxsplit=1)[0])
        ),
    )


def between(text: str, name: str) -> str:
    """What a document has as this table. Raises ValueError when it has no such place."""
    start = text.index(f"<!-- table: {name} -->") + len(f"<!-- table: {name} -->")
    return text[start : text.index(_END, start)].strip()


def _write() -> None:
    for name, path in TABLES.items():
        text = path.read_text(encoding="utf-8")
        mark = f"<!-- table: {name} -->"
        start = text.index(mark) + len(mark)
        end = text.index(_END, start)
        path.write_text(f"{text[:start]}\n\n{table(name)}\n\n{text[end:]}", encoding="utf-8")


if __name__ == "__main__":
    _write()
