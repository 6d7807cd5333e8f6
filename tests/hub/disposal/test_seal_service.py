"""An archive whose seal lies in a device or a service: it is asked between transactions only."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.correcting import service as correcting
from hub.federation.key_roll import check_keys, roll_seal, settle_keys
from hub.federation.own_keys import seals_of
from hub.health import doctor
from shared.kernel.errors import Unavailable
from shared.kernel.key_files import key_pem
from shared.kernel.keys import SigningKey
from shared.kernel.signing_service import ServiceSeal, SigningService
from tests.hub.disposal.conftest import Room
from tests.hub.receiving.handover import YILING_ARCHIVE
from tests.signing_service import PASSWORD, serving


def test_a_seal_moves_into_a_service_and_receives_corrects_and_destroys_from_there(
    room: Room, tmp_path: Path
) -> None:
    folder, database = room.folder, room.hub.city.database
    key = SigningKey.generate()
    (tmp_path / "seal.pem").write_bytes(key_pem(key, PASSWORD))
    before = folder.keys.seal(YILING_ARCHIVE).public
    with serving(tmp_path / "seal.pem") as address:
        roll_seal(room.hub.city.admin, folder, YILING_ARCHIVE, SigningService(address))
        seal = folder.keys.seal(YILING_ARCHIVE)
        assert isinstance(seal, ServiceSeal)
        assert seal.public == key.public
        with database.read() as session:
            assert seals_of(YILING_ARCHIVE, session) == [before, key.public]
        assert not (folder.path / "keys" / f"seal-{YILING_ARCHIVE}.next.key").exists()

        appraiser = room.appraiser
        correcting.make(folder, appraiser, room.ids[1], {"title": "更正后的题名"}, "核对原件")
        room.hub.work()
        batch = room.unit.hand_over(1)
        room.hub.work("receiving.check")
        room.hub.conclude(room.reviewer, batch.id, "accepted")
        room.unit.sign(batch.id)
        room.hub.receive(appraiser, batch.id)
        appraisal_id = room.decided(room.ids[:1])
        room.work(3)
        assert room.unit.heard("receipt")[-1]["archive_signature"]["key"] == key.public.id
        room.is_gone(room.ids[0], appraisal_id)
        assert room.unit.heard("changed")[-1]["archive_signature"]["key"] == key.public.id

    # Nobody asks the service to find out whether the keys fit; it is asked for signatures alone.
    check_keys(folder)
    settle_keys(folder)
    assert "keys" not in {each.code for each in doctor.examine(folder)}
    with pytest.raises(Unavailable):
        correcting.make(folder, appraiser, room.ids[1], {"title": "再更正"}, "核对原件")
    with serving(tmp_path / "seal.pem") as address:
        roll_seal(room.hub.city.admin, folder, YILING_ARCHIVE, SigningService(address))
        correcting.make(folder, appraiser, room.ids[1], {"title": "再更正"}, "核对原件")
    with database.read() as session:
        assert seals_of(YILING_ARCHIVE, session) == [before, key.public]
