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
from shared.audit import Act, Head, Verified
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


def test_a_thing_is_shown_to_be_of_a_bulk_act_without_naming_the_others(
    database: Database, keep: Keeps, tmp_path: Path
) -> None:
    names = [f"record-{number}" for number in range(7)]
    with database.write() as session:
        audit.record(session, CLERK, "catalogue.exported", "export:1", Act(each=names))
    seal(database)
    with database.read() as session:
        path = keep(list(audit.export_lines(session, KEY)))
    listed, proof = tmp_path / "名单.txt", tmp_path / "证明.json"
    listed.write_text("\n".join(reversed(names)), encoding="utf-8")
    act = ("audit", "member", str(path), "--seq", str(COUNT + 1))
    run = CliRunner().invoke
    for name in names:
        said = run(danglian, [*act, "--names", str(listed), "--name", name, "--json"])
        assert said.exit_code == 0, said.output
        proof.write_text(said.output, encoding="utf-8")
        assert sum(each in said.output for each in names) == 1
        shown = run(danglian, [*act, "--proof", str(proof)])
        assert (shown.exit_code, f"“{name}”在第 9 条" in shown.output) == (0, True)
    # Another name on the same way, another list, another event, a log that was touched.
    proof.write_text(said.output.replace("record-6", "record-7"), encoding="utf-8")
    assert run(danglian, [*act, "--proof", str(proof)]).exit_code == 1
    listed.write_text("\n".join([*names, "record-7"]), encoding="utf-8")
    assert run(danglian, [*act, "--names", str(listed), "--name", "record-7"]).exit_code == 1
    for wrong in (["--seq", "1"], ["--names", str(listed), "--name", "record-9"], []):
        assert run(danglian, [*act, *wrong]).exit_code == 2
    proof.write_text("[" * 9999, encoding="utf-8")
    assert "这不是一份证明文件" in run(danglian, [*act, "--proof", str(proof)]).output
    path.write_bytes(path.read_bytes().replace("张三".encode(), "李四".encode(), 1))
    said = run(danglian, [*act, "--names", str(listed), "--name", "record-1"])
    assert "日志不完整：第 1 条被改动过" in said.output
