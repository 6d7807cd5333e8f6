"""How a package is read: in pieces, past the parser where that has nothing to see, and once."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.kernel import digests
from shared.packaging.eep import Verdict, source, verify
from shared.packaging.eep.report import Report
from tests.shared.packaging.eep.makers import codes, judged, modified, original, trust
from tests.shared.packaging.samples import Unit


@contextmanager
def in_pieces(size: int) -> Iterator[None]:
    """Read so many bytes at a time, and digest them on another thread."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(source, "PIECE", size)
        patched.setattr(digests, "CHUNK", 4 * size)
        yield


_MADE: list[tuple[Unit, bytes]] = []


def _made(folders: pytest.TempPathFactory) -> tuple[Unit, bytes]:
    if not _MADE:
        unit = Unit(folders.mktemp("unit"))
        record = unit.record(unit.file("a.bin", bytes(range(256)) * 20), unit.file("b.txt", b"b"))
        _MADE.append((unit, original(unit, record).getvalue()))
    return _MADE[0]


def _signed(package: bytes) -> bytes:
    start, end = "<被签名对象", "</被签名对象>"
    return package[package.index(start.encode()) : package.index(end.encode())]


#: What is put in: into Base64, into tags, between lines.
_STRANGE = [
    b"<a></a>", b"<!--c-->", b"<?p?>", b"&#10;", b"&amp;", b"&", b"<", b">", b"]]>", b"\r", b"\r\n",
    b"\n", b" ", b"\t", b"=", b"==", b"AAAA", b"*", b"\x00", b"\xff", "中".encode(),
    b"<![CDATA[AAAA]]>", b"</\xe7\xbc\x96", b"&lt",
]  # fmt: skip


@settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from(_STRANGE), st.integers(0, 3)),
        max_size=3,
    ),
    size=st.integers(60, 700),
)
def test_a_package_is_judged_alike_however_it_comes_in_pieces(
    changes: list[tuple[float, bytes, int]], size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    unit, whole = _made(tmp_path_factory)
    for place, strange, instead_of in changes:
        at = int(place * len(whole))
        whole = whole[:at] + strange + whole[at + instead_of :]
    at_once = judged(whole, unit)
    with in_pieces(size):
        report = judged(whole, unit)
    if len(changes) < 2:
        assert report == at_once
    else:  # of two errors in one Base64 either may be told
        assert codes(report) == codes(at_once)
        assert (report.sha256, report.is_sound) == (at_once.sha256, at_once.is_sound)
        verdicts = [[each.verdict for each in said.signatures] for said in (report, at_once)]
        assert verdicts[0] == verdicts[1]
    made = _made(tmp_path_factory)[1]
    if whole == made:
        assert at_once.is_proven
    # White space between what is signed means nothing, and shows in the digest of the whole alone.
    elif at_once.is_proven:
        assert b"".join(whole.split()) == b"".join(made.split())
        assert _signed(whole) == _signed(made)


def test_a_finding_behind_lines_that_passed_the_parser_has_its_line(unit: Unit) -> None:
    content = original(unit, unit.record(unit.file("a.bin", bytes(30_000)))).getvalue()
    at = content.index(b"</", content.index("编码数据ID".encode()))
    for strange, code in ((b"<!-- -->", "eep_comment"), (b"<a>", "eep_not_well_formed")):
        bad = content[:at] + strange + content[at:]
        with in_pieces(1000):
            report = judged(bad, unit)
        (found,) = [each for each in report.findings if each.code == code]
        if code == "eep_comment":
            *lines, last = bad[:at].split(b"\n")
            assert found.where == f"第 {len(lines) + 1} 行第 {len(last) + 1} 列"
        assert report == judged(bad, unit)


class Counting(io.BytesIO):
    """Counts the bytes that are read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece


def _taken(content: bytes, unit: Unit) -> tuple[Report, float]:
    stream = Counting(content)
    return verify(stream, trust=trust(unit)), stream.taken / len(content)


def test_a_package_is_read_once_where_its_signers_are_seen_coming(unit: Unit) -> None:
    record = unit.record(unit.file("a.bin", bytes(400_000)))
    package = original(unit, record)
    report, times = _taken(package.getvalue(), unit)
    assert report.is_proven
    assert times < 1.2  # its end was looked at first
    # The signatures of a package inside are found by reading, and digested afterwards.
    report, times = _taken(modified(unit, package, record).getvalue(), unit)
    assert report.is_proven
    assert times > 2


def test_a_wrong_guess_of_the_signer_decides_nothing(unit: Unit) -> None:
    mine = original(unit, unit.record(unit.file("a.txt", b"mine"))).getvalue()
    end = mine.index("</被签名对象>".encode())
    # A second block of signatures, of somebody else, at the very end.
    other = Unit(unit.folder.parent / "other")
    theirs = original(other, other.record(other.file("b.txt", b"theirs"))).getvalue()
    block = theirs[theirs.index("<电子签名块>".encode()) : theirs.index("<锁定签名>".encode())]
    close = mine.index("</电子文件封装包>".encode())
    for bad in (
        mine[:close] + block + mine[close:],
        mine[: end + len("</被签名对象>".encode())] + block + mine[close:],
    ):
        report = judged(bad, unit)
        assert not report.is_proven
        assert "eep_schema" in codes(report) or Verdict.ALTERED in {
            each.verdict for each in report.signatures
        }
    report = judged(mine.replace(b"bWluZQ==", b"bWluZA=="), unit)
    assert Verdict.ALTERED in {each.verdict for each in report.signatures}
