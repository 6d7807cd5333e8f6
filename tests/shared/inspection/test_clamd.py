"""The virus scanner clamd: a real one with a signature of its own, and what it may answer."""

from __future__ import annotations

import io
import json
import socket
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
from click.testing import CliRunner

from shared.command.main import danglian
from shared.inspection.clamd import Clamd, read_version
from shared.inspection.finding import Severity
from shared.inspection.report import Outcome
from shared.inspection.run import inspect_record
from shared.inspection.scanner import Scanner, Unscanned
from shared.inspection.subject import Context
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now
from shared.kernel.errors import Invalid, Unavailable
from tests.servers.clamav import EICAR, LIMIT, SIGNATURE, ClamAV
from tests.shared.inspection.reports import context, found, outcome
from tests.shared.packaging.samples import Unit


def test_what_is_harmless_is_told_from_what_is_not(clamav: ClamAV) -> None:
    clamd = Clamd(clamav.address)
    assert clamd.scan(io.BytesIO(b"")) is None
    assert clamd.scan(io.BytesIO(b"x" * 300_000)) is None
    assert clamd.scan(io.BytesIO(b"text before " + EICAR)) == SIGNATURE


def test_what_is_too_large_for_it_was_not_looked_at(clamav: ClamAV) -> None:
    said = Clamd(clamav.address).scan(io.BytesIO(EICAR + b"x" * (LIMIT * 8)))
    assert isinstance(said, Unscanned)
    assert "StreamMaxLength" in said


def test_small_files_are_handed_over_open_and_larger_ones_sent(
    clamav: ClamAV, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """clamd calls a file clean that is larger than its MaxFileSize: it has to hear the size."""
    clamd = Clamd(clamav.address)
    asked, ask = [], Clamd._ask

    def told(self: Clamd, command: bytes, stream: BinaryIO | None = None) -> str:
        asked.append(command)
        return ask(self, command, stream)

    monkeypatch.setattr(Clamd, "_ask", told)
    for content, virus in ((EICAR, SIGNATURE), (b"harmless", None)):
        (tmp_path / "a").write_bytes(content)
        with (tmp_path / "a").open("rb") as stream:
            stream.read()
            assert clamd.scan(stream) == virus
        with tempfile.TemporaryFile() as copy:
            copy.write(content)  # and not flushed
            assert clamd.scan(copy) == virus
    assert asked == []
    with tempfile.TemporaryFile() as copy:
        copy.write(EICAR + b"x" * (LIMIT * 8))
        assert isinstance(clamd.scan(copy), Unscanned)
    assert asked == [b"zINSTREAM\0"]


def test_a_file_with_a_virus_fails_its_record(clamav: ClamAV, unit: Unit, tmp_path: Path) -> None:
    record = unit.record()
    file = record.files[0]
    infected = replace(file, sha256=sha256_hex(EICAR), size=len(EICAR), name="a.txt", format="txt")
    document = replace(record.documents[0], files=(infected,))
    (tmp_path / "a").write_bytes(EICAR)
    clamd = Clamd(clamav.address)
    report = inspect_record(
        replace(record, documents=(document,)), {file.id: tmp_path / "a"},
        context(unit, scan=clamd.scan, scanner=clamd.scanner()),
    )  # fmt: skip
    (finding,) = found(report, "4-2")
    assert (finding.code, finding.actual) == ("virus_found", SIGNATURE)
    assert outcome(report, "4-2") is Outcome.FAILED
    assert report.scanner.startswith("ClamAV ")


def test_the_command_alone_scans_and_then_leaves_nothing_open(
    clamav: ClamAV, tmp_path: Path
) -> None:
    """Without `--clamd` a file by itself could never come out as passed."""
    path = tmp_path / "公文.txt"
    for content, verdict in (("公文的文字。", "passed"), (EICAR.decode(), "failed")):
        path.write_text(content, encoding="utf-8")
        words = ["inspect", str(path), "--clamd", clamav.address, "--json"]
        said = json.loads(CliRunner().invoke(danglian, words).stdout)
        outcomes = {each["item"]: each["outcome"] for each in said["subjects"][0]["items"]}
        assert outcomes["4-2"] == verdict
        # Definitions of our own bear no date: that alone is left to say.
        assert {number for number, each in outcomes.items() if each == "not_run"} <= {"4-1"}


def test_a_file_that_was_not_looked_at_is_not_passed(unit: Unit) -> None:
    record = unit.record()
    scan = context(unit, scan=lambda _stream: Unscanned("太大。"))
    report = inspect_record(record, unit.paths(record), scan)
    assert outcome(report, "4-2") is Outcome.NOT_RUN
    (said,) = [each.reason for each in report.checks if each.number == "4-2"]
    assert "太大" in said


def test_a_scanner_that_is_away_is_nobodys_fault(unit: Unit, tmp_path: Path) -> None:
    clamd = Clamd(f"unix:{tmp_path}/no.sock")
    with pytest.raises(Unavailable):
        clamd.scanner()
    record = unit.record()
    with pytest.raises(Unavailable) as told:
        inspect_record(record, unit.paths(record), context(unit, scan=clamd.scan))
    assert told.value.code == "scanner_away"


def test_a_scanner_that_says_nonsense_or_nothing_counts_as_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        clamd = Clamd(f"tcp://127.0.0.1:{server.getsockname()[1]}", seconds=0.2)
        with pytest.raises(Unavailable):
            clamd.scanner()  # it takes the connection, and says nothing


@pytest.mark.parametrize(
    ("answer", "definitions", "day"),
    [
        ("ClamAV 1.4.3/27500/Wed Nov 26 09:30:00 2025", "27500", "2025-11-26"),
        ("ClamAV 0.103.8/26800/Sat Feb  4 08:24:33 2023", "26800", "2023-02-04"),
        ("ClamAV 1.4.3", "", None),
        ("ClamAV 1.4.3/27500/yesterday", "27500", None),
    ],
)
def test_the_date_of_its_definitions_is_read(
    answer: str, definitions: str, day: str | None
) -> None:
    scanner = read_version(answer)
    assert scanner is not None
    assert scanner.definitions == definitions
    assert (scanner.made_at.date().isoformat() if scanner.made_at else None) == day
    assert read_version("UNKNOWN COMMAND") is None


def test_old_definitions_are_pointed_out(unit: Unit) -> None:
    record = unit.record()

    def of_age(days: int) -> Context:
        return context(unit, scanner=Scanner("ClamAV 1", "1", now() - timedelta(days=days)))

    old = inspect_record(record, unit.paths(record), of_age(9))
    (finding,) = found(old, "4-1")
    assert (finding.code, finding.severity) == ("definitions_old", Severity.WARNING)
    assert found(inspect_record(record, unit.paths(record), of_age(6)), "4-1") == []


def test_a_scanner_that_does_not_date_its_definitions_is_not_passed(unit: Unit) -> None:
    record = unit.record()
    dateless = context(unit, scanner=Scanner("ClamAV 1", "", None))
    assert outcome(inspect_record(record, unit.paths(record), dateless), "4-1") is Outcome.NOT_RUN


@pytest.mark.parametrize(
    "address",
    ["", "/run/clamd", "unix:clamd", "tcp://", "tcp://host", "file:/run/clamd", "tcp://a/b:1"],
)
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(Invalid):
        Clamd(address)
