"""Packages whose files lie in a package of DA/T 48, as an archive may ask for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.inspection.profile import Profile
from shared.inspection.run import inspect_package, inspect_record
from shared.kernel.canonical import sha256_hex
from shared.kernel.errors import Invalid
from shared.kernel.keys import SigningKey
from shared.packaging import open_package, verify_package
from shared.packaging.build import Wrap
from shared.packaging.eep import CanonicalForm, Trust, open_eep
from shared.packaging.exchange.own import OwnReader
from shared.packaging.exchange.sources import opened_tree
from shared.packaging.wrapping import wrapping
from shared.records.model import RecordLevel
from shared.records.record import Record
from tests.node.transfer.conftest import pdf
from tests.shared.inspection.reports import context, found
from tests.shared.packaging.samples import Unit, codes, rewrite

ASKED = Profile("eep")
#: Longer than what is read at once, and no whole number of lines of Base64.
LONG = pdf("附件", 2_000_000)


def wrap(unit: Unit, record: Record, seal: SigningKey | None = None, **more: Any) -> Wrap:
    options: dict[str, Any] = {"rule": CanonicalForm.EXC_C14N, **more}
    seal = seal or unit.seal
    return wrapping(
        unit.paths(record), fonds=unit.fonds, seal=seal, unit=unit.fonds.name, **options
    )


def two_files(unit: Unit) -> Record:
    return unit.record(unit.file("通知.pdf"), unit.file("附件.pdf", LONG))


@pytest.mark.parametrize("rule", list(CanonicalForm)[:2])
def test_its_files_come_out_of_the_eep_and_the_eep_stands_by_itself(
    unit: Unit, tmp_path: Path, rule: CanonicalForm
) -> None:
    record, target = two_files(unit), tmp_path / "p.zip"
    identity = unit.package(record, target, wrap=wrap(unit, record, rule=rule))
    wrong = {each.code for each in verify_package(target, seal=unit.seal.public)}
    assert wrong == (set() if rule is CanonicalForm.EXC_C14N else {"eep_white_space_unsigned"})
    with open_package(target) as package:
        assert package.identity == identity
        for file in record.files:
            with package.open_file(file.id) as stream:
                assert sha256_hex(stream.read()) == file.sha256
        with package.open_eep() as stream:
            eep = open_eep(stream, trust=Trust(seals=[unit.seal.public]))
            assert eep.report.is_proven
        long = record.files[1]
        lent = package.lend_file(long.id)
        for at in (0, 56, 57, 1_000_003, len(LONG) - 1):
            lent.seek(at)
            assert lent.read(300) == LONG[at : at + 300]
        lent.close()
    with opened_tree(target) as opened:  # as `danglian package open` reads it
        assert isinstance(opened.reader, OwnReader)
        (taken,) = opened.reader.records(Trust(seals=[unit.seal.public]), tmp_path)
        assert not [each for each in taken.findings if each.is_error]
        assert taken.carried is not None
        assert taken.carried.files[long.id].read_bytes() == LONG
    assert sorted(each.name for each in tmp_path.glob("*/*.part")) == []


def inspected(unit: Unit, target: Path, **more: Any) -> list[tuple[str, str]]:
    report = inspect_package(target, context(unit, profile=ASKED, **more))
    return [(each.number, each.code) for each in report.errors]


def test_each_flaw_of_the_eep_is_one_finding_under_its_item(unit: Unit, tmp_path: Path) -> None:
    record, target, bad = two_files(unit), tmp_path / "p.zip", tmp_path / "bad.zip"
    unit.package(record, target, wrap=wrap(unit, record))
    assert inspected(unit, target) == []

    def altered(name: str, content: bytes) -> bytes:
        if name != "record.eep":
            return content
        at = len(content) // 2
        return content[:at] + (b"A" if content[at : at + 1] != b"A" else b"B") + content[at + 1 :]

    rewrite(target, bad, altered)
    assert [each.code for each in verify_package(bad, seal=unit.seal.public)] == [
        "entry_digest_differs"
    ]
    # What was sealed wrong by the unit itself.
    other = replace(record, title="关于另一件事的通知")
    for making, number, code in (
        (lambda _whole, to: wrap(unit, record)(other, to), "1-9", "eep_of_another_record"),
        (wrap(unit, record, SigningKey.generate()), "1-1", "eep_certificate_unknown"),
    ):
        unit.package(record, bad, wrap=making)
        assert inspected(unit, bad) == [(number, code)]


def test_what_is_in_another_form_than_asked_for_is_said(unit: Unit, tmp_path: Path) -> None:
    record, target = two_files(unit), tmp_path / "p.zip"
    unit.package(record, target)
    assert inspected(unit, target) == [("1-13", "package_form_differs")]
    unit.package(record, target, wrap=wrap(unit, record))
    report = inspect_package(target, context(unit, profile=Profile()))
    assert [each.code for each in found(report, "1-13")] == ["package_form_differs"]
    # A volume itself, and what is on paper alone, DA/T 48 does not wrap.
    assert ASKED.form_for(RecordLevel.VOLUME, has_files=True) == "folder"
    assert ASKED.form_for(RecordLevel.ITEM, has_files=False) == "folder"


def test_the_unit_hears_before_what_the_eep_cannot_say(unit: Unit) -> None:
    record = replace(two_files(unit), author=None)
    for profile, expected in ((ASKED, ["eep_cannot_say"]), (Profile(), [])):
        report = inspect_record(record, unit.paths(record), context(unit, profile=profile))
        assert [each.code for each in found(report, "1-13")] == expected


def test_a_place_outside_of_its_text_gives_no_other_bytes(unit: Unit, tmp_path: Path) -> None:
    record, target = unit.record(unit.file("a.txt", b"short")), tmp_path / "p.zip"

    def elsewhere(whole: Record, to: Any) -> dict[str, int]:
        return {key: at + 4 for key, at in wrap(unit, record)(whole, to).items()}

    unit.package(record, target, wrap=elsewhere)
    assert "entry_digest_differs" in codes(list(verify_package(target, seal=unit.seal.public)))
    with open_package(target) as package, pytest.raises(Invalid):
        package.lend_file(record.files[0].id).read()
