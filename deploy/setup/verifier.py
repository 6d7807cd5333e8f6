"""Writes the verifier of receipts as one file, which needs nothing but Python: `make verifier`."""

from __future__ import annotations

import shutil
import sys
import tempfile
import zipapp
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_KERNEL = tuple(f"shared/kernel/{name}.py" for name in ("__init__", "canonical", "der", "merkle"))


def write(target: Path) -> None:
    """Put the verifier with what it imports into one `.pyz`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder_of_it = ROOT / "shared" / "verifier"
        sources = sorted([*folder_of_it.glob("*.py"), *folder_of_it.glob("*.json")])
        for source in (ROOT / "shared/__init__.py", *(ROOT / name for name in _KERNEL), *sources):
            copy = Path(folder, source.relative_to(ROOT))
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
        start = "import sys\nfrom shared.verifier.__main__ import main\nsys.exit(main())\n"
        Path(folder, "__main__.py").write_text(start, encoding="utf-8")
        zipapp.create_archive(folder, target, interpreter="/usr/bin/env python3")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    print(sys.argv[1])
