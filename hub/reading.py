"""The second process of the post office: it reads what nodes tell ahead of its turn.

`python -m hub.reading DIALECT`, where the dialect is that of the hub's database. It has neither
database nor settings nor keys, and loads little, so that it is there soon.
"""

from __future__ import annotations

import sys
from typing import Any

from hub.catalogue.told import read_told
from shared.messaging.ahead import serve


def main(dialect: str) -> None:
    """Read records for a database of this dialect until nobody asks any more."""

    def read(body: dict[str, Any]) -> list[Any]:
        return list(read_told(body, dialect))

    serve({"record": read})


if __name__ == "__main__":
    main(sys.argv[1])
