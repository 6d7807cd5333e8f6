"""The schema of OAI-PMH that the tests hold answers against, out of the sources of `pyoai`.

Nothing of it is installed: one file is taken out of the archive, as the package index has it.
"""

import shutil
import tarfile
import tempfile
from pathlib import Path

from steps import BIN, REQUIREMENTS, VENV, Failed, Step, run, say

SCHEMA = VENV / "schemas/OAI-PMH.xsd"
_LOCKED = REQUIREMENTS / "schemas.txt"


def gather() -> None:
    """Fetch the schema, where it is not there yet."""
    step = Step("schemas", [_LOCKED, Path(__file__)])
    if step.is_done() and SCHEMA.is_file():
        return
    say("Gathering the schema of OAI-PMH …")
    with tempfile.TemporaryDirectory() as folder:
        run(
            *(BIN / "python", "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-input", "--no-deps", "--no-binary=:all:", "--require-hashes"),
            *(f"--requirement={_LOCKED}", f"--dest={folder}"),
            failing="pip could not fetch the sources of pyoai; the lines above say why.",
        )
        (archive,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as sources:
            names = [name for name in sources.getnames() if name.endswith(f"/{SCHEMA.name}")]
            member = sources.extractfile(names[0]) if names else None
            if member is None:
                raise Failed(f"there is no {SCHEMA.name} in {archive.name}.")
            SCHEMA.parent.mkdir(exist_ok=True)
            with member, SCHEMA.open("wb") as there:
                shutil.copyfileobj(member, there)
    step.done()
