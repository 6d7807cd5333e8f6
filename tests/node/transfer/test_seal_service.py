"""The unit's seal may lie in a device or a service: packages and forms are sealed there."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest

from node.office.places import NodeFolder
from node.transfer import service as transfer
from node.transfer.work import TransferWork
from shared.kernel.errors import Unavailable
from shared.kernel.key_files import key_pem
from shared.kernel.keys import SigningKey, document_is_signed_by
from shared.kernel.settings import change_settings
from shared.packaging import open_package
from shared.packaging.verify import check_seal
from tests.node.conftest import Node
from tests.node.transfer.conftest import Archive, Office
from tests.signing_service import PASSWORD, serving


def test_packages_and_forms_are_sealed_by_the_service(
    node: Node, office: Office, archive: Archive, tmp_path: Path
) -> None:
    seal = SigningKey.generate()
    (tmp_path / "device.pem").write_bytes(key_pem(seal, PASSWORD))
    with serving(tmp_path / "device.pem", tmp_path / "s") as address:
        change_settings(node.folder.path, {"seal_service": address})
        folder = NodeFolder(node.folder.path)
        assert folder.keys.seal().public == seal.public
        office.work = TransferWork(folder)
        batch_id, ids = office.offered(2)
        offers = archive.told("offer")
        assert len(offers) == len(ids) == 2
        for offer in offers:
            content = base64.b64decode(offer["package"]["inline"])
            with open_package(io.BytesIO(content)) as package:
                assert list(check_seal(package, seal.public)) == []
        archive.send(transfer.apply_verdict, archive.verdict(batch_id))
        with node.database.read() as session:
            draft = transfer.draft_signature(office.leader, batch_id, session=session)
        sealed = transfer.seal_draft(draft, folder.keys.seal())
        with node.database.write() as session:
            transfer.sign(office.leader, batch_id, sealed, session=session)
    [confirmation] = archive.told("confirmation")
    assert document_is_signed_by(seal.public, confirmation["form"], confirmation)
    # The device is gone now: nothing is signed, and the key that is in its place is no other.
    with pytest.raises(Unavailable):
        folder.keys.seal().sign(b"what is to be signed")


def test_another_key_in_the_place_of_the_seal_signs_nothing(node: Node, tmp_path: Path) -> None:
    for name in ("first", "other"):
        (tmp_path / name).write_bytes(key_pem(SigningKey.generate(), PASSWORD))
    with serving(tmp_path / "first") as address:
        change_settings(node.folder.path, {"seal_service": address})
        NodeFolder(node.folder.path).keys.seal()
    with serving(tmp_path / "other") as address:
        change_settings(node.folder.path, {"seal_service": address})
        with pytest.raises(Unavailable, match="不是这个印章的"):
            NodeFolder(node.folder.path).keys.seal().sign(b"what is to be signed")
