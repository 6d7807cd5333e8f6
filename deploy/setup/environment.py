"""The virtual environment .venv, with danglian in it."""

import subprocess
import sys

from steps import BIN, REQUIREMENTS, ROOT, VENV, Step, run, say

FOR_USE = ("build.txt", "hub.txt")
FOR_WORK = (*FOR_USE, "test.txt")


def begin() -> None:
    """Make the environment, empty, where there is none or one that does not work."""
    # Its scripts hold its path and that of its Python: a copied or outdated one is of no use.
    step = Step("venv", [], str(ROOT), sys.version, sys.base_prefix)
    if step.is_done() and _answers():
        return
    say(f"Making {VENV.name} with Python {sys.version.split()[0]} …")
    run(
        *(sys.executable, "-m", "venv", "--clear", VENV),
        failing="the virtual environment could not be made; the lines above say why.",
    )
    step.done()


def fill(*, for_work: bool) -> None:
    """Bring the environment up to date with the lock files."""
    use, work = _locked("use", FOR_USE), _locked("work", FOR_WORK)
    # What work takes includes what use takes.
    if not work.is_done() and (for_work or not use.is_done()):
        say("Installing what the lock files name …")
        files = FOR_WORK if for_work else FOR_USE
        _pip("--require-hashes", *(f"--requirement=requirements/{name}" for name in files))
        (work if for_work else use).done()
    project = Step("project", [ROOT / "pyproject.toml"])
    if not project.is_done():
        _pip("--no-deps", "--no-build-isolation", "--editable", ".")
        project.done()


def _answers() -> bool:
    try:
        return not subprocess.run([BIN / "python", "-c", ""], check=False).returncode
    except OSError:
        return False


def _locked(name: str, files: tuple[str, ...]) -> Step:
    return Step(name, [REQUIREMENTS / file for file in files])


def _pip(*arguments: str) -> None:
    run(
        *(BIN / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-input", *arguments),
        failing="pip could not install what Danglian needs; the lines above say why.",
    )
