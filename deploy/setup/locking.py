"""The lock files: versions and digests for every platform, and no addresses."""

import json
import tempfile
import venv
from pathlib import Path
from typing import Any

import assets
from steps import REQUIREMENTS, ROOT, run, say

# Each file with what goes into it. Later files agree with the earlier ones.
LOCKS: dict[str, tuple[str, ...]] = {
    "runtime.txt": ("pyproject.toml",),
    "hub.txt": ("pyproject.toml", "--extra=hub"),
    "test.txt": ("--group=test", "--group=lint"),
    "build.txt": ("--group=build",),
    "assets.txt": ("--group=assets",),
    "provider.txt": ("--group=provider",),
    "schemas.txt": ("--group=schemas", "--no-deps"),
    "lock.txt": ("--group=lock",),
}
LOCKED = ROOT / "package-lock.json"
AGREEING = ("runtime.txt", "hub.txt", "test.txt", "build.txt")


def lock(*, upgrade: bool) -> None:
    """Compile every lock file with the locked uv, from a throw-away environment; then npm's."""
    with tempfile.TemporaryDirectory() as folder:
        bin_folder = Path(folder) / "bin"
        venv.create(folder, with_pip=True)
        run(
            *(bin_folder / "python", "-m", "pip", "install", "--quiet", "--require-hashes"),
            f"--requirement={REQUIREMENTS / 'lock.txt'}",
            failing="uv could not be installed; the lines above say why.",
        )
        for name, sources in LOCKS.items():
            _compile(bin_folder / "uv", name, sources, upgrade=upgrade)
    _lock_npm(upgrade=upgrade)


def _lock_npm(*, upgrade: bool) -> None:
    """Let npm write its lock file, and take the addresses out of it."""
    say("Locking package-lock.json …")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assets.run_npm(folder, *(["update"] if upgrade else ["install"]), "--package-lock-only")
        written = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
    LOCKED.write_text(without_addresses(written), encoding="utf-8")


def without_addresses(written: Any) -> str:
    """The text of npm's lock file without where packages come from, or who takes money for them."""
    for package in written["packages"].values():
        for key in ("resolved", "funding"):
            package.pop(key, None)
    return json.dumps(written, indent=2, ensure_ascii=False) + "\n"


def _compile(uv: Path, name: str, sources: tuple[str, ...], *, upgrade: bool) -> None:
    say(f"Locking requirements/{name} …")
    earlier = AGREEING[: AGREEING.index(name)] if name in AGREEING else ()
    run(
        *(uv, "pip", "compile", "--quiet", "--universal", "--python-version=3.11"),
        *("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header"),
        *("--no-annotate", *(["--upgrade"] if upgrade else [])),
        *(f"--constraint=requirements/{other}" for other in earlier),
        *(*sources, f"--output-file=requirements/{name}"),
        cwd=ROOT,
        failing=f"requirements/{name} could not be compiled; the lines above say why.",
    )
