"""Exported logs: whole when nothing happened to them, and naming what did, without a database."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as some

from shared import audit
from shared.audit import Head, Verified
from shared.command.main import danglian
from shared.kernel.actor import Actor
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import Invalid
from shared.kernel.keys import SigningKey
from tests.sealing import seal

CLERK = Actor("a1", "张三")
KEY = SigningKey.generate()
COUNT = 8


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    database = Database.in_file(tmp_path_factory.mktemp("audit") / "test.sqlite", ("shared",))
    database.create_schema()
    with database.write() as session:
        for number in range(1, COUNT + 1):
            audit.record(session, CLERK, "record.filed", f"record:{number}", number=number)
    seal(database)
    return database


@pytest.fixture(scope="module")
def lines(database: Database) -> list[bytes]:
    with database.read() as session:
        return list(audit.export_lines(session, KEY))


@pytest.fixture(scope="module")
def keep(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[bytes]], Path]:
    path = tmp_path_factory.mktemp("exported") / "日志.jsonl"

    def kept(content: list[bytes]) -> Path:
        path.write_bytes(b"".join(content))
        return path

    return kept


Keeps = Callable[[list[bytes]], Path]


def codes(found: Verified) -> list[tuple[int, str]]:
    return [(each.seq, each.code) for each in found.problems]


def test_an_export_is_whole_and_signed(lines: list[bytes], keep: Keeps) -> None:
    found = audit.verify_files([keep(lines)], key=KEY.public)
    assert codes(found) == []
    assert (found.first, found.head.seq, found.count) == (1, COUNT, COUNT)
    assert found.signed_by == [KEY.public.id]


def test_an_export_may_begin_within_the_chain(database: Database, keep: Keeps) -> None:
    with database.read() as session:
        later = list(audit.export_lines(session, KEY, since=now() + timedelta(hours=1)))
        earlier = list(audit.export_lines(session, KEY, until=now() + timedelta(hours=1)))
    assert audit.verify_files([keep(later)]).count == 0
    assert audit.verify_files([keep(earlier)]).count == COUNT


def test_a_witness_must_be_in_it(lines: list[bytes], keep: Keeps) -> None:
    whole = audit.verify_files([keep(lines)])
    assert codes(audit.verify_files([keep(lines)], witness=whole.head)) == []
    other = audit.verify_files([keep(lines)], witness=Head(3, "0" * 64))
    assert codes(other) == [(3, "witness")]


def test_another_key_is_named(lines: list[bytes], keep: Keeps) -> None:
    found = audit.verify_files([keep(lines)], key=SigningKey.generate().public)
    assert codes(found) == [(COUNT, "signature")]


@settings(max_examples=25)
@given(some.integers(1, COUNT), some.integers(1, COUNT), some.sampled_from(range(5)))
def test_the_first_event_that_was_touched_is_named(
    lines: list[bytes], keep: Keeps, one: int, other: int, kind: int
) -> None:
    changed = list(lines)
    seqs = [one]
    match kind:
        case 0:
            event = json.loads(changed[one])
            event["actor_name"] = "李四"
            changed[one] = json.dumps(event).encode() + b"\n"
        case 1:
            del changed[one]
        case 2:
            changed.insert(one, changed[other])
            seqs = [min(one, other), one, other]
        case 3:
            changed[one], changed[other] = changed[other], changed[one]
            seqs = [min(one, other)]
        case _:
            del changed[one:]
    found = audit.verify_files([keep(changed)])
    if kind == 3 and one == other:
        assert codes(found) == []
    else:
        assert found.problems[0].seq in seqs


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[1]", b"title,number\n", b'{"format": "danglian/audit/1", "first": "x"}',
     b'{"first": 1, "last": 1, "events": []}', b'{"events": [{"seq": 1}], "first": 1}',
     b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_export_is_refused(keep: Keeps, content: bytes) -> None:
    with pytest.raises(Invalid):
        audit.verify_files([keep([content])])


def test_the_command_says_it_in_words_and_as_json(lines: list[bytes], keep: Keeps) -> None:
    runner = CliRunner()
    sound = runner.invoke(danglian, ["audit", "verify", str(keep(lines))])
    assert (sound.exit_code, "首尾衔接" in sound.output) == (0, True)
    cut = runner.invoke(danglian, ["audit", "verify", str(keep(lines[:4])), "--json"])
    assert cut.exit_code == 1
    assert [each["code"] for each in json.loads(cut.output)["problems"]] == ["truncated"]
