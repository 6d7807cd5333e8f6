"""`docs/packages.md`: its commands cut out the bytes that were signed, and openssl agrees."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs import eep_example
from tests.docs.tables import DOCS


@pytest.mark.parametrize("modified", [False, True])
def test_the_commands_verify_a_package_without_danglian(modified: bool, tmp_path: Path) -> None:
    page = (DOCS / "packages.md").read_text(encoding="utf-8")
    (block,) = re.findall(
        r"<!-- commands: verify by openssl -->\n```sh\n(.*?)```", page, flags=re.DOTALL
    )
    package = eep_example.make(modified=modified)
    (tmp_path / "record.eep").write_bytes(package)
    assert _ran(block, tmp_path).stdout.strip().endswith("Verified OK")
    altered = package.replace("归档".encode(), "存档".encode(), 1)
    (tmp_path / "record.eep").write_bytes(altered)
    failed = _ran(block, tmp_path)
    assert failed.returncode != 0
    assert "Verified OK" not in failed.stdout


def _ran(block: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", block], cwd=folder, capture_output=True, text=True, check=False
    )
