"""A receipt with its packages and files, held against each other, as whoever has them would."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from hub.receiving.finishing import slip_of
from shared.command.main import danglian
from shared.kernel.canonical import canonical_json
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey, sign_document
from shared.kernel.merkle import merkle_root
from shared.packaging import (
    CHECK_LINES,
    FormCheck,
    FormItem,
    FormPeople,
    make_form,
    make_receipt,
    rooted,
    sign_receipt,
    verify_receipt,
)
from shared.packaging import receipts as making
from shared.records.record import record_to_wire
from shared.verifier import sm2
from shared.verifier.merkle import leaves
from shared.verifier.report import Report, verify
from tests.damage import flipped
from tests.shared.packaging.samples import Unit

ROOT = Path(__file__).resolve().parents[3]
ARCHIVE = SigningKey.generate()
#: The single file as it runs where OpenSSL has no SM3.
WITHOUT_SM3 = """
import hashlib, runpy, sys
new = hashlib.new
def without(name, *more):
    if name == "sm3":
        raise ValueError("unsupported hash type sm3")
    return new(name, *more)
hashlib.new = without
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
TITLES = ("关于预算的通知", "关于决算的报告")


@dataclass
class Received:
    """A batch of two records, received: the receipt as a file, packages, files unpacked."""

    unit: Unit
    folder: Path
    document: dict[str, Any]

    @property
    def receipt(self) -> Path:
        return self.folder / "receipt.json"

    @property
    def packages(self) -> list[Path]:
        return sorted(self.folder.glob("packages/*.zip"))

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.glob("files/*.pdf"))

    @property
    def seals(self) -> set[str]:
        return {self.unit.seal.public.hex, ARCHIVE.public.hex}

    def verify(self, *paths: Path, **more: Any) -> Report:
        return verify(self.receipt, paths, **{"seals": self.seals, **more})


def received(folder: Path, *, with_contents: bool = True, with_root: bool = True) -> Received:
    unit = Unit(folder / "kept")
    items, wires = [], {}
    for title in TITLES:
        name = f"{title}.pdf"
        record = unit.record(unit.file(name), title=title)
        package = folder / "packages" / f"{title}.zip"
        package.parent.mkdir(exist_ok=True)
        offer_id = new_id()
        identity = unit.package(record, package, offer_id=offer_id)
        items.append(FormItem.of(record, unit.offer(record, offer_id, identity)))
        wires[record.id] = record_to_wire(record)
        (folder / "files").mkdir(exist_ok=True)
        (folder / "files" / name).write_bytes(unit.paths(record)[record.files[0].id].read_bytes())
    form = make_form(
        items,
        batch_id=new_id(), title="移交", content="文书", unit="宜昌市财政局",
        fonds_id=unit.fonds.id, fonds_number="A182", fonds_name="宜昌市财政局",
        archive_code="420500", archive="宜昌市档案馆",
        checks={name: FormCheck("合格", "合格") for name in CHECK_LINES},
        unit_people=FormPeople("张三", "2025-06-01", "李四", "2025-06-02"),
        archive_people=FormPeople("王五", "2025-06-10", "赵六", "2025-06-11"),
    )  # fmt: skip
    if with_root:
        form = rooted(form, wires)
    document = make_receipt(
        form,
        unit_signature={
            **form.sign(unit.seal),
            "signed_by": "刘振华",
            "signed_at": "2026-11-26T07:56:31.210951Z",
        },
        archive_seal=ARCHIVE,
        by="王五",
        records=wires if with_contents else None,
    )
    (folder / "receipt.json").write_bytes(canonical_json(document))
    return Received(unit, folder, document)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Received:
    return received(tmp_path_factory.mktemp("received"))


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def states(report: Report) -> list[str]:
    return [each.state.value for each in (*report.files, *report.missing)]


def problems(report: Report) -> list[str]:
    return [each.code for each in report.judged.problems]


def test_a_receipt_confirms_its_packages_and_every_file(batch: Received) -> None:
    report = batch.verify(*batch.packages, *batch.files, needs_all=True)
    assert (problems(report), states(report)) == ([], ["confirmed"] * 4)
    assert (report.exit_code, report.lines()[-1]) == (0, "结论：回执真实，4 个文件与回执一致。")
    assert verify_receipt(batch.document, batch.unit.seal.public, ARCHIVE.public) == []


def test_a_description_is_confirmed_by_itself(batch: Received, tmp_path: Path) -> None:
    with zipfile.ZipFile(batch.packages[0]) as package:
        package.extract("record.json", tmp_path)
    assert states(batch.verify(tmp_path))[0] == "confirmed"
    record = tmp_path / "record.json"
    record.write_bytes(
        record.read_bytes().replace("宜昌市财政局".encode(), "夷陵区财政局".encode())
    )
    assert states(batch.verify(tmp_path))[0] == "altered"


def test_what_is_altered_missing_or_foreign_is_named(batch: Received, tmp_path: Path) -> None:
    altered = tmp_path / batch.files[0].name
    altered.write_bytes(flipped(batch.files[0].read_bytes(), 100))
    foreign = tmp_path / "别的.txt"
    foreign.write_text("别的")
    (tmp_path / "链接.pdf").symlink_to(batch.files[1])
    report = batch.verify(tmp_path)
    found = {Path(each.name).name: each.state.value for each in (*report.files, *report.missing)}
    assert found == {
        altered.name: "altered",
        foreign.name: "not_in_receipt",
        "链接.pdf": "unreadable",
        batch.files[1].name: "missing",
    }
    assert report.exit_code == 1


def test_what_is_missing_counts_where_all_was_asked_for(batch: Received) -> None:
    report = batch.verify(batch.packages[0])
    assert (states(report), report.exit_code) == (["confirmed", "missing"], 0)
    assert batch.verify(batch.packages[0], needs_all=True).exit_code == 1


def test_the_receipt_of_one_record_as_an_export_has_it_proves_its_package(
    batch: Received, tmp_path: Path
) -> None:
    """It lies beside the package in the store and in exports; the verifier called it malformed."""
    line, whole = batch.document["offers"][0], canonical_json(batch.document)
    slip = slip_of(line, batch.unit.fonds.id, batch.document, hashlib.sha256(whole).hexdigest())
    signed = canonical_json({**slip, "signed": sign_document(ARCHIVE, slip)})
    path = tmp_path / "receipt.json"
    path.write_bytes(signed)
    mine = next(each for each in batch.packages if sha256_of(each) == line["package_sha256"])
    other = next(each for each in batch.packages if each != mine)
    report = verify(path, [mine, batch.receipt], seals=batch.seals, needs_all=True)
    assert (states(report), report.exit_code) == (["confirmed", "confirmed"], 0)
    assert report.to_wire()["receipt"]["record_id"] == line["record_id"]
    assert "整批的回执" in "".join(report.lines())
    assert verify(path, [], seals=batch.seals, needs_all=True).exit_code == 1
    assert verify(path, [mine], seals=()).exit_code == 3
    assert states(verify(path, [other], seals=batch.seals))[0] != "confirmed"
    path.write_bytes(signed.replace(b'"size":', b'"size":1'))
    report = verify(path, [mine], seals=batch.seals)
    assert (problems(report), report.exit_code) == (["archive_signature_invalid"], 1)


def test_without_known_seals_nothing_is_altered_and_nothing_proven(batch: Received) -> None:
    report = batch.verify(*batch.packages, seals=())
    assert (report.judged.is_sound, report.exit_code) == (True, 3)
    assert {each.verdict.value for each in report.judged.signatures.values()} == {"unverifiable"}


def test_both_sides_have_signed_the_root_of_a_receipt(batch: Received, tmp_path: Path) -> None:
    """A form of the first kind has none, and its receipt is as good as it was."""
    root = batch.document["contents"]["merkle_root"]
    assert batch.document["form"]["merkle_root"] == root
    told = batch.verify(*batch.files).to_wire()["receipt"]
    assert (told["merkle_root"], told["root_signed_by_both"]) == (root, True)
    older = received(tmp_path, with_root=False)
    report = older.verify(*older.files)
    assert "merkle_root" not in older.document["form"]
    assert (report.exit_code, report.to_wire()["receipt"]["root_signed_by_both"]) == (0, False)
    assert verify_receipt(older.document, older.unit.seal.public, ARCHIVE.public) == []


def test_a_root_that_only_the_archive_has_signed_is_named(batch: Received, tmp_path: Path) -> None:
    """The archive lists other files than the unit has signed for."""
    document = json.loads(batch.receipt.read_bytes())
    listed = document["contents"]["records"]
    listed[0]["files"][0]["sha256"] = "0" * 64
    document["contents"]["merkle_root"] = merkle_root(leaves(document["form"]["items"], listed))
    signed = sign_receipt(document, ARCHIVE)
    (tmp_path / "receipt.json").write_bytes(canonical_json(signed))
    report = verify(tmp_path / "receipt.json", batch.packages, seals=batch.seals)
    assert (problems(report), report.exit_code) == (["form_root_differs"], 1)


def test_a_receipt_of_the_first_form_confirms_whole_packages(tmp_path: Path) -> None:
    old = received(tmp_path, with_contents=False)
    assert "format" not in old.document
    report = old.verify(*old.packages, needs_all=True)
    assert (states(report), report.exit_code) == (["confirmed", "confirmed"], 0)
    assert states(old.verify(old.files[0]))[0] == "not_in_receipt"
    assert states(old.verify())[:1] == []


def test_a_receipt_with_too_many_files_stays_of_the_first_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "MOST_FILES", 1)
    assert "contents" not in received(tmp_path).document


@given(at=st.integers(0, 1 << 30), bits=st.integers(1, 255))
def test_any_changed_byte_of_a_receipt_is_named(batch: Received, at: int, bits: int) -> None:
    changed = batch.folder / "changed.json"
    changed.write_bytes(flipped(batch.receipt.read_bytes(), at, bits))
    report = verify(changed, [], seals=batch.seals)
    assert problems(report)
    assert not report.is_sound


@given(at=st.integers(0, 1 << 30), bits=st.integers(1, 255), which=st.integers(0, 3))
def test_any_changed_byte_of_a_package_or_file_is_named(
    batch: Received, at: int, bits: int, which: int
) -> None:
    source = [*batch.packages, *batch.files][which]
    changed = batch.folder / "changed" / source.name
    changed.parent.mkdir(exist_ok=True)
    changed.write_bytes(flipped(source.read_bytes(), at, bits))
    (held,) = batch.verify(changed).files
    assert held.state == "altered"
    assert held.record_id is not None


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        *names, last = path.split(".")
        inner: Any = document
        for name in names:
            inner = inner[int(name)] if name.isdigit() else inner[name]
        inner[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_set("contents.merkle_root", "0" * 64), "receipt_root_differs form_root_differs"),
        (_set("contents.records.0.record_digest", "0" * 64), "receipt_root_differs"),
        (_set("contents.records.0.files.0.name", "x"), "receipt_root_differs"),
        (_set("contents.records", []), "receipt_root_differs"),
        (_set("contents", {}), "receipt_malformed"),
        (_set("format", "danglian-receipt/3"), "receipt_malformed"),
        (_set("offers", []), "receipt_offers_differ"),
        (_set("batch_id", "x"), "receipt_of_another"),
    ],
)
def test_a_receipt_signed_again_still_has_to_fit_itself(
    batch: Received, tmp_path: Path, change: Callable[[dict[str, Any]], None], code: str
) -> None:
    document = json.loads(batch.receipt.read_bytes())
    change(document)
    signed = sign_receipt(document, ARCHIVE)
    (tmp_path / "receipt.json").write_bytes(canonical_json(signed))
    report = verify(tmp_path / "receipt.json", batch.packages, seals=batch.seals)
    assert (problems(report), report.exit_code, report.files) == (code.split(), 1, [])
    found = verify_receipt(signed, batch.unit.seal.public, ARCHIVE.public)
    assert [each.code for each in found] == code.split()


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[1]", b"\xff", b"[" * 100_000, b'{"a":1,"a":2}', b'{"a":1.0}', b'{"a":NaN}'],
)
def test_what_is_no_receipt_is_one_named_problem(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "receipt.json").write_bytes(content)
    report = verify(tmp_path / "receipt.json", [], seals=())
    assert problems(report) in (["receipt_unreadable"], ["receipt_malformed"])
    assert report.exit_code == 1


def test_another_spelling_of_the_same_receipt_is_named_and_proves_the_same(
    batch: Received, tmp_path: Path
) -> None:
    (tmp_path / "receipt.json").write_text(json.dumps(batch.document, indent=1))
    report = verify(tmp_path / "receipt.json", batch.packages, seals=batch.seals)
    assert (problems(report), report.exit_code) == (["receipt_not_canonical"], 0)


def test_the_root_can_be_recomputed_as_the_documents_say(batch: Received) -> None:
    text = (ROOT / "docs" / "integrators.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(import hashlib, json\n.*?)```", text, re.DOTALL)
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=batch.folder, capture_output=True, check=True
    )
    assert said.stdout.strip() == b"True"


@given(st.lists(st.binary(max_size=4), max_size=20))
def test_the_root_is_that_of_rfc_6962(lines: list[bytes]) -> None:
    def tree(part: list[bytes]) -> bytes:
        if len(part) < 2:
            return hashlib.sha256(b"\x00" + part[0] if part else b"").digest()
        half = 1 << ((len(part) - 1).bit_length() - 1)
        return hashlib.sha256(b"\x01" + tree(part[:half]) + tree(part[half:])).digest()

    assert merkle_root(lines) == tree(lines).hex()


@given(message=st.binary(max_size=100), at=st.integers(0, 1 << 30), bits=st.integers(1, 255))
def test_signatures_of_the_library_are_checked_without_it(
    message: bytes, at: int, bits: int
) -> None:
    signature = ARCHIVE.sign(message)
    point = ARCHIVE.public.point
    assert sm2.verifies(point, message, signature)
    assert not sm2.verifies(point, message + b"x", signature)
    assert not sm2.verifies(point, message, flipped(signature, at, bits))
    assert not sm2.verifies(flipped(point, at, bits), message, signature)


def test_the_command_and_the_single_file_say_the_same(batch: Received, tmp_path: Path) -> None:
    program = tmp_path / "danglian-verify.pyz"
    script = ROOT / "deploy" / "setup" / "verifier.py"
    subprocess.run([sys.executable, script, program], check=True, capture_output=True)
    seals = [word for seal in batch.seals for word in ("--seal", seal)]
    words = [*map(str, (batch.receipt, *batch.packages)), *seals, "--json"]
    # Isolated and without site-packages: Python alone.
    alone = subprocess.run(
        [sys.executable, "-I", "-S", program, *words], cwd=tmp_path, capture_output=True, check=True
    )
    within = CliRunner().invoke(danglian, ["verify", *words])
    assert within.exit_code == 0
    assert json.loads(alone.stdout) == json.loads(within.stdout)
    assert json.loads(alone.stdout)["is_proven"]
    without = subprocess.run(
        [sys.executable, "-I", "-S", "-c", WITHOUT_SM3, program, *words],
        cwd=tmp_path, capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert json.loads(without.stdout) == json.loads(alone.stdout)
    assert "没有 SM3" in without.stderr
    told = CliRunner().invoke(danglian, ["verify", *map(str, (batch.receipt, *batch.files))])
    assert told.exit_code == 3
    assert f"一致：{batch.files[0]}（A182-WS·2024-D30-BGS-0012）" in told.stdout
