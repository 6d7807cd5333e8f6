"""The audit of the lock files: each kind of trouble is seen, and there is none."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SETUP = Path(__file__).resolve().parents[1] / "deploy/setup"
DIGEST = "--hash=sha256:" + "0" * 64


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script of the set-up, which is no package."""
    monkeypatch.syspath_prepend(str(SETUP))
    for each in ("assets", "dependencies", "steps"):
        monkeypatch.delitem(sys.modules, each, raising=False)
    spec = importlib.util.spec_from_file_location(name, SETUP / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return script("dependencies", monkeypatch)


@pytest.fixture
def rules() -> dict[str, Any]:
    return tomllib.loads((SETUP / "dependencies.toml").read_text())


@pytest.mark.parametrize(
    ("lock", "seen"),
    [
        (f"flask==3.1.3 {DIGEST}\n", ""),
        ("flask==3.1.3\n", "no version with a digest"),
        (f"flask>=3.1.3 {DIGEST}\n", "no version with a digest"),
        (f"flask @ https://pypi.example/flask.whl {DIGEST}\n", "an address"),
        (f"--index-url https://pypi.example\nflask==3.1.3 {DIGEST}\n", "an address"),
        (f"werkzeug==3.0.5 {DIGEST}\n", "CVE-2024-49767"),
        (f"no-such-package==1 {DIGEST}\n", ""),
    ],
)
def test_what_is_wrong_with_a_lock_file_is_seen(
    audit: ModuleType, rules: dict[str, Any], lock: str, seen: str
) -> None:
    found = "\n".join(audit.of_python({"x.txt": lock}, rules))
    assert seen in found
    assert bool(found) == bool(seen)


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, ""),
        ({"resolved": "https://pypi.example/x.tgz"}, "“resolved”"),
        ({"funding": {"url": "https://pypi.example"}}, "“funding”"),
        ({"integrity": None}, "no digest"),
        ({"license": "SSPL-1.0"}, "SSPL-1.0"),
    ],
)
def test_what_is_wrong_with_npms_lock_file_is_seen(
    audit: ModuleType, rules: dict[str, Any], changes: dict[str, Any], seen: str
) -> None:
    package = {"version": "1.0.0", "integrity": "sha512-x", "license": "MIT", **changes}
    found = "\n".join(audit.of_npm({"packages": {"": {}, "node_modules/x": package}}, rules))
    assert seen in found
    assert bool(found) == bool(seen)


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True), ("MIT AND OFL-1.1", True), ("(GPL-3.0-only OR MIT)", True),
        ("AGPL-3.0-only", False), ("MIT AND AGPL-3.0-only", False), ("unknown", False),
    ],
)  # fmt: skip
def test_a_licence_is_read_as_spdx(
    audit: ModuleType, rules: dict[str, Any], licence: str, allowed: bool
) -> None:
    assert audit.is_allowed("x", licence, rules) is allowed


def test_a_dependency_that_nothing_imports_is_seen(
    audit: ModuleType, rules: dict[str, Any]
) -> None:
    assert list(audit.idle(rules)) == []
    assert list(audit.idle({**rules, "unimported": {}})) == [
        "pyproject.toml: nothing imports gunicorn"
    ]


def test_locking_takes_the_addresses_out_that_npm_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    written = {
        "packages": {
            "": {"name": "x"},
            "node_modules/x": {
                "version": "1.0.0",
                "resolved": "https://pypi.example/x.tgz",
                "integrity": "sha512-x",
                "funding": [{"url": "https://pypi.example"}],
            },
        }
    }
    text = script("locking", monkeypatch).without_addresses(written)
    assert "pypi.example" not in text
    assert json.loads(text)["packages"]["node_modules/x"]["integrity"] == "sha512-x"
    kept = json.loads((SETUP.parents[1] / "package-lock.json").read_text())
    for package in kept["packages"].values():
        assert not {"resolved", "funding"} & set(package)


def test_a_program_that_hangs_is_stopped_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    steps = script("steps", monkeypatch)
    there = tmp_path / "tries"
    hangs_once = (
        f"import pathlib, time\np = pathlib.Path({str(there)!r})\n"
        "first = not p.exists()\np.touch()\ntime.sleep(60 if first else 0)"
    )
    steps.run(sys.executable, "-c", hangs_once, failing="never", at_most=1, tries=4)
    with pytest.raises(steps.Failed, match="too late"):
        steps.run(
            *(sys.executable, "-c", "import time; time.sleep(60)"), failing="too late", at_most=0.1
        )


def test_the_list_of_parts_names_every_locked_package(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = script("parts", monkeypatch)
    root = SETUP.parents[1]
    text = (root / "requirements/hub.txt").read_text()
    npm = json.loads((root / "package-lock.json").read_text())
    listed = parts.document({"name": "danglian", "version": "1"}, text, npm)
    purls = {each["purl"] for each in listed["components"]}
    for pin in re.findall(r"^([a-z0-9][a-z0-9._-]*==[^\s;\\]+)", text, re.MULTILINE):
        assert f"pkg:pypi/{pin.replace('==', '@')}" in purls
    assert any(each.startswith("pkg:npm/htmx.org@") for each in purls)
    assert not any("oidc-provider" in each for each in purls), "for tests alone"
    assert all(each["hashes"] for each in listed["components"])
    assert listed == parts.document({"name": "danglian", "version": "1"}, text, npm)
