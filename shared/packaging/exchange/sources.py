"""What is opened or converted: recognised by what it is, let out only when it is proven."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from shared.inspection.finding import Finding
from shared.kernel.errors import Invalid
from shared.packaging.eep import Trust, open_eep
from shared.packaging.eep.report import Verdict
from shared.packaging.exchange.carried import Carried, Found
from shared.packaging.exchange.form import DAT93, MEDIUM, form_of
from shared.packaging.exchange.from_eep import take_out
from shared.packaging.exchange.image import is_image
from shared.packaging.exchange.own import OwnReader
from shared.packaging.exchange.read import FormReader
from shared.packaging.exchange.tree import MOST_BYTES, open_tree
from shared.packaging.layout import check_layout
from shared.packaging.manifest import MANIFEST
from shared.packaging.package import Entries

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
    """Something that was opened to take its records out.

    `form` is one of FORMS; `is_proven` says whether all that was taken so far was proven.
    """

    form: str
    is_proven: bool

    def __len__(self) -> int:
        """How many records are in it."""

    def records(self, work: Path) -> Iterator[Carried]:
        """The records; `work` is cleared after each. Raises Invalid for what is not proven."""


class Reader(Protocol):
    """A tree that was opened by its form; `findings` has what is wrong with the whole of it."""

    findings: list[Finding]

    def __len__(self) -> int:
        """How many records there should be."""

    def records(self, trust: Trust, work: Path | None = None) -> Iterator[Found]:
        """The records that there are, judged; taken where `work` says what to unpack into."""


@dataclass(frozen=True)
class OpenedTree:
    """A package or form in files of its own: everything but an EEP."""

    form: str
    tree: Entries
    reader: Reader


@contextmanager
def opened_tree(path: Path) -> Iterator[OpenedTree]:
    """Open a folder, ZIP or image by what it is. Raises Invalid when it is none that is known."""
    tree = open_tree(path)
    try:
        form = _form_of_tree(tree)
        if form == FOLDER:
            if path.is_file():  # a package of ours travels in a plain form, and in no other
                with path.open("rb") as stream:
                    check_layout(stream, most_bytes=MOST_BYTES)
            yield OpenedTree(form, tree, OwnReader(tree, path.name))
        else:
            yield OpenedTree(form, tree, FormReader(form_of(form), tree, _prefix(tree)))
    finally:
        tree.close()


@contextmanager
def opened_source(path: Path, trust: Trust, *, as_it_is: bool = False) -> Iterator[Source]:
    """Open a package or form to take records out of. Raises Invalid when it is none."""
    if is_eep(path):
        with path.open("rb") as stream:
            yield _EepSource(stream, path.name, trust, as_it_is)
    else:
        with opened_tree(path) as opened:
            yield _TreeSource(opened, trust, as_it_is)


def cleared(source: Source, work: Path) -> Iterator[Carried]:
    """The records of a source, `work` emptied after each."""
    for each in source.records(work):
        yield each
        for path in work.iterdir():
            path.unlink()


def is_eep(path: Path) -> bool:
    """Whether this is to be read as a package of DA/T 48: by name, or for want of a better."""
    if path.is_dir():
        return False
    if path.suffix.lower() == ".eep":
        return True
    with path.open("rb") as stream:
        return stream.read(len(_ZIP)) != _ZIP and not is_image(path)


def form_at(path: Path) -> str:
    """Which form a file or folder is in. Raises Invalid when it is none that is known."""
    if is_eep(path):
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

    def __init__(self, stream: BinaryIO, name: str, trust: Trust, as_it_is: bool) -> None:
        self._stream, self._name, self._trust, self._as_it_is = stream, name, trust, as_it_is
        self.is_proven = True

    def __len__(self) -> int:
        return 1

    def records(self, work: Path) -> Iterator[Carried]:
        opened = open_eep(self._stream, trust=self._trust, as_it_is=self._as_it_is)
        self.is_proven = opened.report.is_proven
        yield take_out(opened, work, where=self._name)


class _TreeSource:
    def __init__(self, opened: OpenedTree, trust: Trust, as_it_is: bool) -> None:
        self._reader, self._trust, self._as_it_is = opened.reader, trust, as_it_is
        self.form = opened.form
        self.is_proven = not any(each.is_error for each in opened.reader.findings)

    def __len__(self) -> int:
        return len(self._reader)

    def records(self, work: Path) -> Iterator[Carried]:
        wrong = [each for each in self._reader.findings if each.is_error]
        if wrong and not self._as_it_is:
            raise _not_taken("", wrong[0])
        taken = 0
        for found in self._reader.records(self._trust, work):
            yield self._taken(found)
            taken += 1
        if taken < len(self._reader):
            raise _not_taken("", wrong[0])

    def _taken(self, found: Found) -> Carried:
        wrong = [each for each in found.findings if each.is_error]
        if found.carried is None or (wrong and not self._as_it_is):
            raise _not_taken(found.code, wrong[0])
        if found.verdict is not Verdict.VALID and not self._as_it_is:
            raise Invalid(
                "file",
                f"没有取出：没有证明“{found.code}”是谁做的。",
                "请用 --seal、--trust 写明信任谁；确知来源的，加 --as-it-is。",
                code="not_proven",
            )
        self.is_proven = self.is_proven and not wrong and found.verdict is Verdict.VALID
        return found.carried


def _not_taken(code: str, found: Finding) -> Invalid:
    where = f"（{found.where}）" if found.where else ""
    return Invalid(
        "file", f"没有取出：{code} {found.problem}{where}", found.remedy, code=found.code
    )
