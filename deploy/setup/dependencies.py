"""Audits the lock files without net: digests, licences, known holes, and that nothing is idle.

What it cannot see: an advisory that is not written down in `dependencies.toml`, and the licence of
a package that is not installed here. It says so.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
RULES = Path(__file__).with_suffix(".toml")
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
_ADDRESS = re.compile(r"https?://|git\+|file:|--index-url|--find-links")
_IMPORT = re.compile(r"^\s*(?:from|import) (\w+)", re.MULTILINE)
_NAME = re.compile(r"^[A-Za-z0-9._-]+")
#: What packages that know no SPDX write; the last word of a classifier.
_OLD_NAMES = {
    "MIT License": "MIT", "The MIT License (MIT)": "MIT", "Expat license": "MIT",
    "MIT": "MIT", "MIT license": "MIT", "Mit": "MIT",
    "BSD License": "BSD-3-Clause", "BSD": "BSD-3-Clause", "BSD license": "BSD-3-Clause",
    "New BSD License": "BSD-3-Clause", "BSD 3-Clause": "BSD-3-Clause",
    "BSD-3-Clause License": "BSD-3-Clause", "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0", "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0", "Apache 2.0": "Apache-2.0",
    "Apache License Version 2.0": "Apache-2.0", "Apache 2": "Apache-2.0",
    "Apache-2.0 license": "Apache-2.0",
    "ISC License (ISCL)": "ISC", "ISC license": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0", "PSFL": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Historical Permission Notice and Disclaimer (HPND)": "HPND",
}  # fmt: skip


def main() -> None:
    """Say what is wrong, and end with 1; or say what was looked at."""
    rules = tomllib.loads(RULES.read_text(encoding="utf-8"))
    locks = {
        path.name: path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "requirements").glob("*.txt"))
    }
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    wrong = [*of_python(locks, rules), *of_npm(packages, rules), *idle(rules)]
    if wrong:
        sys.exit("\n".join(wrong))
    pinned = {pin for text in locks.values() for pin in _PIN.findall(text)}
    unseen = sum(licence_of(name) is None for name, _ in pinned)
    count = len(pinned) + len(packages["packages"]) - 1
    sys.stdout.write(
        f"{count} locked packages: digests, licences, holes written down by {rules['written']}; "
        f"not installed here, so without a licence to read: {unseen}.\n"
    )


def of_python(locks: dict[str, str], rules: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the lock files of Python, by name and text."""
    for lock, text in locks.items():
        if found := _ADDRESS.search(text):
            yield f"{lock}: an address ({found[0]})"
        for entry in re.split(r"\n(?=\S)", text.strip()):
            pin = _PIN.match(entry)
            if pin is None or "--hash=sha256:" not in entry:
                yield f"{lock}: no version with a digest: {entry.splitlines()[0][:60]}"
                continue
            name, version = pin[1], pin[2]
            yield from _of_holes(lock, name, version, rules)
            licence = licence_of(name)
            if licence is not None and not is_allowed(name, licence, rules):
                yield f"{lock}: {name} is under “{licence}”, which nobody has allowed"


def of_npm(locked: dict[str, Any], rules: dict[str, Any]) -> Iterator[str]:
    """What is wrong with `package-lock.json`."""
    for path, said in locked["packages"].items():
        if not path:
            continue
        name = path.rpartition("node_modules/")[2]
        for key in {"resolved", "funding"} & set(said):
            yield f"package-lock.json: {name} has “{key}”; `make lock` takes it out"
        if not str(said.get("integrity", "")).startswith("sha512-"):
            yield f"package-lock.json: {name} has no digest"
        yield from _of_holes("package-lock.json", name, said["version"], rules)
        licence = said.get("license")
        if licence is not None and not is_allowed(name, licence, rules):
            yield f"package-lock.json: {name} is under “{licence}”, which nobody has allowed"


def idle(rules: dict[str, Any]) -> Iterator[str]:
    """Direct dependencies that nothing of ours imports."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["hub"]]
    imported = {
        name
        for package in ("hub", "node", "shared")
        for path in (ROOT / package).rglob("*.py")
        for name in _IMPORT.findall(path.read_text(encoding="utf-8"))
    }
    providers: dict[str, set[str]] = {}
    for module, names in metadata.packages_distributions().items():
        for each in names:
            providers.setdefault(_normal(each), set()).add(module)
    for requirement in wanted:
        found = _NAME.match(requirement)
        name = _normal(found[0]) if found else requirement
        if name not in rules["unimported"] and not providers.get(name, {name}) & imported:
            yield f"pyproject.toml: nothing imports {name}"


def _of_holes(lock: str, name: str, version: str, rules: dict[str, Any]) -> Iterator[str]:
    for each in rules["advisories"]:
        if each["package"] == name and Version(version) < Version(each["below"]):
            yield f"{lock}: {name} {version} has a known hole ({each['id']}), not {each['below']}"


def is_allowed(name: str, licence: str, rules: dict[str, Any]) -> bool:
    """Whether an SPDX expression comes down to licences that are allowed; one of an OR does."""
    if name in rules["exceptions"]:
        return True
    plain = licence.replace("(", " ").replace(")", " ")
    return any(
        all(part.strip() in rules["allowed"] for part in re.split(r"(?i)\band\b|,", choice))
        for choice in re.split(r"(?i)\bor\b", plain)
    )


def licence_of(name: str) -> str | None:
    """As an installed package says; None for one that is not installed."""
    try:
        said = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    if "License-Expression" in said:
        return said["License-Expression"]
    classified = [
        each.rpartition(" :: ")[2]
        for each in said.get_all("Classifier") or ()
        if each.startswith("License :: ") and not each.endswith("OSI Approved")
    ]
    written = said["License"].splitlines()[:1] if "License" in said else []
    known = [_OLD_NAMES.get(each, each) for each in (classified or written)]
    return " AND ".join(known) or "unknown"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
