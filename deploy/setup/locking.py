"""The lock files: versions and digests for every platform, and no addresses."""

import tempfile
import venv
from pathlib import Path

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
AGREEING = ("runtime.txt", "hub.txt", "test.txt", "build.txt")


def lock(*, upgrade: bool) -> None:
    """Compile every lock file with the locked uv, from a throw-away environment."""
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
