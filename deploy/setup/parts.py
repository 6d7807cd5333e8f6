"""Writes the list of all parts (SBOM) of an installation: `parts.py dist/danglian.cdx.json`.

CycloneDX 1.6 (ECMA-424), from the lock files alone: each package with version, digests, licence,
and its purl. What only tests and tools need is not in it. The same lock files make the same list.
"""

import base64
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dependencies

ROOT = Path(__file__).resolve().parents[2]
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)")
_DIGEST = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def main() -> None:
    """Write the list to the file that is named."""
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    written = document(
        tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"],
        (ROOT / "requirements/hub.txt").read_text(encoding="utf-8"),
        json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8")),
    )
    target.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(written['components'])} parts: {target}\n")


def document(project: dict[str, Any], python: str, npm: dict[str, Any]) -> dict[str, Any]:
    """The list, for a project with these locked packages of Python and npm."""
    name, version = project["name"], project["version"]
    components = [*_of_python(python), *_of_npm(npm)]
    seed = json.dumps([version, components], sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, seed)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": f"pkg:pypi/{name}@{version}",
                "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}",
            }
        },
        "components": components,
        "dependencies": [
            {
                "ref": f"pkg:pypi/{name}@{version}",
                "dependsOn": [each["bom-ref"] for each in components],
            }
        ],
    }  # fmt: skip


def _of_python(text: str) -> Iterator[dict[str, Any]]:
    for entry in re.split(r"\n(?=\S)", text.strip()):
        if (pin := _PIN.match(entry)) is not None:
            name, version = pin[1], pin[2]
            # One digest for each file that the index has: any of them may be installed.
            digests = [("SHA-256", each) for each in _DIGEST.findall(entry)]
            yield _component(f"pkg:pypi/{name}@{version}", name, version, digests)


def _of_npm(locked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path, said in locked["packages"].items():
        if path and not said.get("dev"):
            name, version = path.rpartition("node_modules/")[2], said["version"]
            digest = base64.b64decode(said["integrity"].removeprefix("sha512-")).hex()
            purl = f"pkg:npm/{name.replace('@', '%40')}@{version}"
            made = _component(purl, name, version, [("SHA-512", digest)])
            if "license" in said:
                made["licenses"] = [{"expression": said["license"]}]
            yield made


def _component(
    purl: str, name: str, version: str, digests: list[tuple[str, str]]
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
        "hashes": [{"alg": kind, "content": digest} for kind, digest in digests],
    }  # fmt: skip
    licence = dependencies.licence_of(name) if purl.startswith("pkg:pypi/") else None
    if licence is not None:
        made["licenses"] = [{"license": {"name": licence}}]
    return made


if __name__ == "__main__":
    main()
