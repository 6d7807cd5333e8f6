"""The node's own inspection knows who counts for seals: setting `seal_authorities`."""

from __future__ import annotations

from pathlib import Path

from node.office.places import NodeFolder
from node.transfer.work import TransferWork
from shared.kernel.issuing import certificate_pem
from shared.kernel.settings import change_settings
from tests.node.conftest import Node
from tests.node.transfer.conftest import Office, pdf
from tests.shared.seals.samples import DAY, NOW, Party, signed_data, signed_pdf


def seal_findings(office: Office, batch_id: str) -> list[str]:
    """The codes of what the inspection says of seals now."""
    assert office.inspect(batch_id).state == "done"
    (line,) = office.lines(batch_id)
    codes = [found["code"] for found in line.findings]
    return [code for code in codes if code.startswith("document_seal_")]


def test_a_seal_of_a_known_authority_is_no_hint_in_the_self_inspection(
    node: Node, office: Office, tmp_path: Path
) -> None:
    party = Party.make()
    sealed = signed_pdf(pdf("预算"), lambda message: signed_data(party.holder, message))
    batch_id = office.prepared(office.filed(1, content=sealed))
    assert seal_findings(office, batch_id)

    authorities = tmp_path / "authorities"
    for name in ("trust", "revoked"):
        (authorities / name).mkdir(parents=True)
    (authorities / "trust/root.pem").write_bytes(certificate_pem(party.root))
    listed = party.revoking(party.maker, NOW, until=NOW + 30 * DAY)
    (authorities / "revoked/list.crl").write_bytes(listed.der)
    change_settings(node.folder.path, {"seal_authorities": str(authorities)})
    office.work = TransferWork(NodeFolder(node.folder.path))
    assert seal_findings(office, batch_id) == []

    # The list that comes next names the holder: the same folder, nothing is started anew.
    listed = party.revoking(party.holder, NOW - DAY, until=NOW + 30 * DAY)
    (authorities / "revoked/list.crl").write_bytes(listed.der)
    assert seal_findings(office, batch_id)
