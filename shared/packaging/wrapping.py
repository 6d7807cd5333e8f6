"""Making the package of DA/T 48 (EEP) that an archive asks for, signed with the unit's seal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from shared.kernel.certificates import self_signed
from shared.kernel.keys import Seal
from shared.packaging.build import Wrap
from shared.packaging.eep import CanonicalForm, Making, SealSigner, write_original
from shared.records.fonds import Fonds
from shared.records.record import Record

#: The seal's own certificate says who has the key; whether it counts says the hub's register of
#: seals. Its dates decide nothing, so that neither a clock without battery nor the years in keeping
#: make a good signature a bad one.
_DATES = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC))


def wrapping(
    files: Mapping[str, Path], *, fonds: Fonds, seal: Seal, unit: str, rule: CanonicalForm
) -> Wrap:
    """What `build_package` wraps the files with. Raises, when it does, as `write_original`."""
    certificate = self_signed(seal, unit, *_DATES)
    making = Making(unit, [SealSigner(seal, [certificate])], form=rule)

    def wrap(record: Record, to: BinaryIO) -> dict[str, int]:
        places: dict[str, int] = {}
        write_original(record, files, to, fonds=fonds, making=making, noted=places.__setitem__)
        return places

    return wrap
