"""Writes the revisions that the models now need: `make migration NAME="what changes"`.

Takes a new database to the newest revision, compares it with the models, and writes the difference
as the next file of `hub/migrations` and of `node/migrations`. Read it before you commit it.
"""

import sys
import tempfile
from importlib import import_module
from pathlib import Path

from steps import BIN, ROOT, run, say

from shared.kernel.database import Database
from shared.kernel.migration import Schema


def main() -> None:
    """Write what is missing for the hub and for the node."""
    name = " ".join(sys.argv[1:]).strip()
    if not name:
        sys.exit('Say what changes: make migration NAME="keys have an end"')
    for side in ("hub", "node"):
        import_module(f"{side}.schema")
        folder = ROOT / side / "migrations"
        with tempfile.TemporaryDirectory() as temporary:
            database = Database.in_file(Path(temporary) / "x.sqlite", ("shared", side))
            schema = Schema(database, folder)
            if schema.revisions:
                schema.upgrade()
            path = schema.write_revision(name)
            database.close()
        if path is None:
            say(f"{side}: nothing has changed.")
            continue
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if not line.lstrip().startswith("# ###")))
        for how in (("check", "--fix", "--exit-zero", "--quiet"), ("format", "--quiet")):
            run(BIN / "ruff", *how, path, failing="the revision could not be formatted.")
        say(f"{side}: wrote {path.relative_to(ROOT)}")


main()
