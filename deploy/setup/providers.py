"""Two identity providers that the tests start, never a part of what is installed.

`oidc-provider` out of npm lies in `node_modules`, `canaille` in an environment of its own, because
it needs other versions of our libraries than we do.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import assets
from steps import REQUIREMENTS, ROOT, VENV, Step, run, say

MODULES = ROOT / "node_modules"
CANAILLE = VENV / "canaille"


def gather_oidc_provider() -> None:
    """Fetch the one that `make test` starts, where it is not there yet."""
    step = Step("oidc-provider", [*assets.RECIPE, Path(__file__)])
    if step.is_done() and MODULES.is_dir():
        return
    say("Gathering the identity provider of the tests …")
    with tempfile.TemporaryDirectory(dir=VENV) as folder:
        assets.install(Path(folder))
        found = Path(folder, "node_modules")
        for name in json.loads((ROOT / "package.json").read_text())["dependencies"]:
            shutil.rmtree(found / name)  # the browser's; they are gathered by `assets`
        shutil.rmtree(MODULES, ignore_errors=True)
        found.rename(MODULES)
    step.done()


def gather_canaille() -> None:
    """Fetch the one that the long tests start, where it is not there yet."""
    locked = REQUIREMENTS / "provider.txt"
    step = Step("canaille", [locked], sys.version)
    if step.is_done() and (CANAILLE / "bin/canaille").is_file():
        return
    say("Installing the other identity provider of the tests …")
    run(
        *(sys.executable, "-m", "venv", "--clear", CANAILLE),
        failing="the environment of canaille could not be made; the lines above say why.",
    )
    run(
        *(CANAILLE / "bin/python", "-m", "pip", "install", "--quiet", "--no-input"),
        *("--disable-pip-version-check", "--require-hashes", f"--requirement={locked}"),
        failing="canaille could not be installed; the lines above say why.",
    )
    step.done()
