"""Files that end the process which looks at them: they end nothing else, and never pass."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.inspection.formats import sandbox
from shared.inspection.formats.examination import Examination, Mark, Questions
from shared.inspection.formats.remembering import Remembered
from shared.inspection.formats.trouble import UNEXAMINED
from shared.inspection.marks import refuse_marked
from shared.inspection.report import Outcome
from shared.inspection.run import inspect_record
from shared.inspection.subject import Context
from shared.kernel.errors import Invalid
from tests.shared.inspection.reports import found, outcome
from tests.shared.inspection.test_first_words import MARK, TITLE, pdf
from tests.shared.packaging.samples import Unit, sound_pdf


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every child dies when it has begun, as by a file that crashes its reader."""
    sandbox._server.close()
    program = (
        "import os, socket, sys\n"
        "door = socket.socket(fileno=sys.stdin.fileno())\n"
        "while (places := socket.recv_fds(door, 1, 1)[1]):\n"
        "    with socket.socket(fileno=places[0]) as line:\n"
        "        _, files, _, _ = socket.recv_fds(line, 65536, 1)\n"
        "        line.sendall(b'\\1')\n"
        "    os.close(files[0])\n"
    )
    monkeypatch.setattr(sandbox, "_COMMAND", ("-c", program))
    yield
    sandbox._server.close()


@pytest.mark.usefixtures("deadly")
def test_a_file_that_kills_its_reader_is_not_let_in_unread() -> None:
    """As it was: no words came back, and no words bear no mark."""
    with pytest.raises(Invalid) as refused:
        refuse_marked(io.BytesIO(pdf((780, MARK))))
    assert refused.value.code == "file_not_examined"


@pytest.mark.usefixtures("deadly")
def test_a_file_that_kills_its_reader_never_passes(unit: Unit) -> None:
    record = unit.record()
    report = inspect_record(record, unit.paths(record), Context(fonds=unit.fonds))
    assert [each.code for each in found(report, "3-4")] == ["file_not_examined"]
    assert outcome(report, "3-4") is Outcome.FAILED
    assert outcome(report, "DL-1") is Outcome.NOT_RUN


def test_files_are_looked_into_by_many_at_once_and_on_after_the_server_was_killed() -> None:
    pages = [pdf((780, TITLE if number % 2 else MARK)) for number in range(12)]

    def mark(page: bytes) -> Mark:
        return sandbox.mark_on_first_page(io.BytesIO(page))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(mark, pages)) == [Mark.MARKED, Mark.CLEAR] * 6
    server = sandbox._server._process
    assert server is not None
    server.kill()
    server.wait()
    assert mark(pages[0]) is Mark.MARKED


def test_a_file_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child is stopped by the system itself, whatever library it is in."""
    monkeypatch.setattr(sandbox, "_AT_LEAST", 0)
    monkeypatch.setattr(sandbox, "_SLACK", 0.001)
    said = sandbox.examine(io.BytesIO(sound_pdf()))
    assert [each.kind for each in said.troubles] == [UNEXAMINED]
    assert said.mark is Mark.UNREAD
    assert said.kind is not None


def test_a_child_has_little_of_everything() -> None:
    """Memory, time, no network, no file written, no core: asked of a child itself."""
    program = (
        "import json, os, resource, signal, socket\n"
        "from shared.inspection.formats import child\n"
        "child._without_network()\n"
        "child._limit(5)\n"
        "said = {name: resource.getrlimit(getattr(resource, 'RLIMIT_' + name))[0]\n"
        "        for name in ('AS', 'CPU', 'FSIZE', 'CORE', 'NOFILE')}\n"
        "said['interfaces'] = sorted(name for _, name in socket.if_nameindex())\n"
        "said['alarm'] = signal.alarm(0)\n"
        "print(json.dumps(said))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    said = json.loads(done.stdout)
    assert said.pop("alarm") == 50
    interfaces = said.pop("interfaces")
    assert interfaces == ["lo"] or os.geteuid()  # not every kernel lets everyone leave the network
    assert said == {"AS": 1024**3, "CPU": 5, "FSIZE": 0, "CORE": 0, "NOFILE": 64}


def test_a_place_in_the_file_is_kept_for_who_asked() -> None:
    with io.BytesIO(sound_pdf()) as stream:
        sandbox.examine(stream)
    path = Path(__file__)
    with path.open("rb") as stream:
        first = stream.readline()
        sandbox.examine(stream)
        stream.seek(0)
        assert stream.readline() == first


def test_what_was_seen_in_the_same_bytes_is_not_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered = Remembered(tmp_path / "seen.sqlite", most=2)
    asked = {"title": ("通知",)}

    def seen(content: bytes, digest: str, questions: Questions = asked) -> Examination:
        with sandbox.Series(alone=True) as series:
            return remembered.examine(io.BytesIO(content), digest, questions, series)

    first = seen(sound_pdf(), "a")
    assert seen(pdf((780, MARK)), "marked").mark is Mark.MARKED
    monkeypatch.setattr("shared.inspection.formats.sandbox.sys.executable", "/no/such/program")
    sandbox._server.close()
    assert seen(b"", "a") == first
    monkeypatch.undo()
    for digest in "bcd":
        seen(b"text", digest, {})
    kept = (tmp_path / "seen.sqlite").read_bytes()
    assert b"marked" not in kept  # nothing of a marked file is kept
    # The oldest have gone.
    assert seen(b"", "a") != first


def test_a_damaged_memory_is_only_slower(tmp_path: Path) -> None:
    path = tmp_path / "seen.sqlite"
    path.write_bytes(b"no database" * 1000)
    with sandbox.Series() as series:
        found = Remembered(path).examine(io.BytesIO(sound_pdf()), "a", {}, series)
    assert found.facts["pages"] == 2


def test_files_of_a_record_share_a_child_until_one_upsets_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each is judged as it is alone, and what counts against one is seen by a child of its own."""
    damaged = sound_pdf()[:-30]
    files = [sound_pdf(), pdf((780, TITLE)), damaged, sound_pdf(), damaged, b"", sound_pdf()]
    alone = [sandbox.examine(io.BytesIO(each)) for each in files]
    forked, fork = [], sandbox._server.fork

    def counted() -> socket.socket:
        forked.append(1)
        return fork()

    monkeypatch.setattr(sandbox._server, "fork", counted)
    seen = Remembered(tmp_path / "seen.sqlite")
    children = []
    with sandbox.Series() as series:
        for number, (content, said) in enumerate(zip(files, alone, strict=True)):
            assert seen.examine(io.BytesIO(content), str(number), {}, series) == said
            children.append(len(forked))
    # The damaged ones are looked into twice: the second time by a new child, which goes on.
    assert children == [1, 1, 2, 2, 3, 3, 3]
    # What that one says of others is said, and not remembered: they are looked into again.
    with sandbox.Series() as series:
        for number, (content, said) in enumerate(zip(files, alone, strict=True)):
            assert seen.examine(io.BytesIO(content), str(number), {}, series) == said
            children.append(len(forked))
    assert children[7:] == [3, 3, 3, 4, 4, 4, 4]


def test_a_file_that_kills_a_shared_child_takes_no_other_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "_COMMAND", ("-c", _DEADLY_AT_THE_THIRD))
    sandbox._server.close()
    with sandbox.Series() as series:
        found = [series.examine(io.BytesIO(b"text")) for _ in range(5)]
    sandbox._server.close()
    # The third child is a new one: alone with the file it does not die of it.
    assert [each.is_complete for each in found] == [True] * 5


#: Each child dies at the third file that it sees.
_DEADLY_AT_THE_THIRD = """
import os, socket, sys
from shared.inspection.formats import child
work, seen = child._work, []
def deadly(request, file):
    seen.append(1)
    if len(seen) == 3:
        os._exit(9)
    return work(request, file)
child._work = deadly
child._serve(socket.socket(fileno=sys.stdin.fileno()))
"""


def test_an_answer_that_breaks_off_is_none() -> None:
    """A child that dies within its answer has not said it."""
    with pytest.raises(sandbox.NoAnswer):
        sandbox._understood(b'\1{"mark": "clear"}')
    for end in (b"\0", b"\2"):
        assert sandbox._understood(b'\1{"mark": "clear"}' + end) == {"mark": "clear"}


def test_where_nothing_can_fork_each_file_has_a_process_of_its_own(tmp_path: Path) -> None:
    """As on Windows."""
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf((780, MARK)))
    request = json.dumps({"verb": "mark", "seconds": 10}).encode()
    with path.open("rb") as stream:
        said = sandbox._ask_once(request, stream.fileno(), 60)
    assert sandbox._understood(said) == {"mark": "marked"}
