"""The forms that `docs/packages.md` shows: made by the code from the record of its example."""

from __future__ import annotations

import tempfile
from pathlib import Path

from shared.kernel.keys import SigningKey
from shared.packaging import build_package
from shared.packaging.eep import Trust
from shared.packaging.exchange import About, convert
from tests.docs.eep_example import example_record
from tests.shared.records.strategies import a_fonds

_ABOUT = About(
    content="2024年文书档案",
    medium_number="A182-2024-1",
    medium_kind="DVD-R",
    maker="夷陵区人民政府办公室",
    checker="夷陵区档案馆",
)
_SHOWN = (".TXT", ".XML")


def shown(form: str) -> str:
    """The example in a form: all names, then the papers at the root, each in a block."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record = example_record(folder)
        files = {file.id: folder / "file" for file in record.files}
        seal = SigningKey.generate()
        build_package(
            record, files, offer_id=record.id, unit="夷陵区人民政府办公室", fonds=a_fonds(),
            seal=seal, target=folder / "package.zip",
        )  # fmt: skip
        tree = folder / form
        trust = Trust(seals=[seal.public])
        convert([folder / "package.zip"], tree, to=form, trust=trust, about=_ABOUT)
        names = sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file())
        papers = sorted(path for path in tree.iterdir() if path.suffix in _SHOWN)
        blocks = ["\n".join(names), *(_text(path) for path in papers)]
    return "\n\n".join(f"```text\n{block.strip()}\n```" for block in blocks)


def _text(path: Path) -> str:
    return f"{path.name}:\n{path.read_text(encoding='utf-8-sig')}"
