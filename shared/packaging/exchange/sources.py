"""What comes in to be converted: opened by what it is, let out only when it is proven."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from shared.inspection.finding import Finding
from shared.kernel.errors import Invalid
from shared.packaging.eep import Trust, open_eep
from shared.packaging.eep.report import Verdict
from shared.packaging.exchange.carried import Carried
from shared.packaging.exchange.form import DAT93, MEDIUM, form_of
from shared.packaging.exchange.from_eep import take_out
from shared.packaging.exchange.own import carried_of, judge_seal
from shared.packaging.exchange.read import FormReader, Found
from shared.packaging.exchange.tree import FolderTree, open_tree
from shared.packaging.manifest import MANIFEST
from shared.packaging.package import Entries, LoosePackage

EEP, FOLDER = "eep", "folder"
#: The forms, each with its name for people.
FORMS = {
    EEP: "电子文件封装包（DA/T 48-2009）",
    FOLDER: "档联信息包",
    DAT93: "件级信息包（DA/T 93-2022）",
    MEDIUM: "载体存储结构（档发〔2012〕7号）",
}
_ZIP = b"PK\x03\x04"


class Source(Protocol):
    """Something that was opened to be converted."""

    form: str

    def __len__(self) -> int:
        """How many records are in it."""

    def records(self, work: Path) -> Iterator[Carried]:
        """The records; `work` is cleared after each. Raises Invalid for what is not proven."""

    def close(self) -> None:
        """Let go of it."""


def open_source(path: Path, trust: Trust, *, as_it_is: bool = False) -> Source:
    """Open a package or form by what it is. Raises Invalid when it is none that is known."""
    form = form_at(path)
    if form == EEP:
        return _EepSource(path, trust, as_it_is)
    tree = open_tree(path)
    try:
        prefix = _prefix(tree)
        if form == FOLDER:
            return _OwnSource(tree, path, trust, as_it_is)
        return _FormSource(form, FormReader(form_of(form), tree, prefix), tree, trust, as_it_is)
    except BaseException:
        tree.close()
        raise


def form_at(path: Path) -> str:
    """Which form a file or folder is in. Raises Invalid when it is none that is known."""
    if path.is_file():
        with path.open("rb") as stream:
            if stream.read(4) != _ZIP:
                return EEP
    tree = open_tree(path)
    try:
        return _form_of_tree(tree)
    finally:
        tree.close()


def _form_of_tree(tree: Entries) -> str:
    if MANIFEST in tree.sizes:
        return FOLDER
    prefix = _prefix(tree)
    for key in (DAT93, MEDIUM):
        form = form_of(key)
        if any(prefix + each.file in tree.sizes for each in form.catalogues):
            return key
    raise Invalid(
        "file",
        "不是认识的形式：没有清单，也没有目录文件。",
        f"可用：{'、'.join(FORMS.values())}。",
        code="unknown_form",
    )


def _prefix(tree: Entries) -> str:
    """The one folder that everything lies in, where there is one."""
    tops = {name.partition("/")[0] for name in tree.sizes}
    if len(tops) == 1 and all("/" in name for name in tree.sizes):
        return f"{tops.pop()}/"
    return ""


class _EepSource:
    form = EEP

    def __init__(self, path: Path, trust: Trust, as_it_is: bool) -> None:
        self._path, self._trust, self._as_it_is = path, trust, as_it_is
        self._stream = path.open("rb")

    def __len__(self) -> int:
        return 1

    def records(self, work: Path) -> Iterator[Carried]:
        opened = open_eep(self._stream, trust=self._trust, as_it_is=self._as_it_is)
        yield take_out(opened, work, where=self._path.name)

    def close(self) -> None:
        self._stream.close()


class _OwnSource:
    form = FOLDER

    def __init__(self, tree: Entries, path: Path, trust: Trust, as_it_is: bool) -> None:
        self._tree, self._path, self._trust, self._as_it_is = tree, path, trust, as_it_is

    def __len__(self) -> int:
        return 1

    def records(self, work: Path) -> Iterator[Carried]:
        package = LoosePackage(self._tree)
        verdict, found = judge_seal(package, self._trust)
        _refuse(self._path.name, verdict, found, verdict is Verdict.ALTERED, self._as_it_is)
        tree = self._tree
        place_of = tree.place if isinstance(tree, FolderTree) else None
        yield carried_of(package, work, place_of=place_of)

    def close(self) -> None:
        self._tree.close()


class _FormSource:
    def __init__(
        self, form: str, reader: FormReader, tree: Entries, trust: Trust, as_it_is: bool
    ) -> None:
        self.form = form
        self._reader, self._tree, self._trust, self._as_it_is = reader, tree, trust, as_it_is

    def __len__(self) -> int:
        return len(self._reader)

    def records(self, work: Path) -> Iterator[Carried]:
        _refuse("", Verdict.VALID, self._reader.findings, False, self._as_it_is)
        taken = 0
        for each in self._reader.records(self._trust, work):
            yield self._taken(each)
            taken += 1
        if taken < len(self._reader):
            found = next(each for each in self._reader.findings if each.is_error)
            _refuse("", Verdict.ABSENT, [found], True, self._as_it_is)

    def _taken(self, found: Found) -> Carried:
        _refuse(found.code, found.verdict, found.findings, found.is_damaged, self._as_it_is)
        assert found.carried is not None  # noqa: S101 - what is not damaged has been taken
        return found.carried

    def close(self) -> None:
        self._tree.close()


def _refuse(
    name: str, verdict: Verdict, found: Sequence[Finding], is_damaged: bool, as_it_is: bool
) -> None:
    """Raise Invalid for what may not be taken: damaged never, unproven only as it is."""
    errors = [each for each in found if each.is_error]
    if (errors and not as_it_is) or is_damaged:
        first = errors[0]
        where = f"（{first.where}）" if first.where else ""
        raise Invalid(
            "file", f"未予转换：{name}{first.problem}{where}", first.remedy, code=first.code
        )
    if verdict is not Verdict.VALID and not as_it_is:
        raise Invalid(
            "file",
            f"未予转换：没有证明“{name}”是谁做的。",
            "请用 --seal、--trust 写明信任谁；确知来源的，加 --as-it-is。",
            code="not_proven",
        )
