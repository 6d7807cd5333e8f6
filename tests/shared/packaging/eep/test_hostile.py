"""Bad packages: each is one named finding at its place, and nothing of it comes out."""

from __future__ import annotations

import base64
import io
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.kernel.errors import Classified, Invalid
from shared.packaging.eep import Report, Verdict, open_eep, verify
from shared.packaging.eep import scan as reading
from tests.shared.packaging.eep.makers import (
    codes,
    judged,
    modified,
    original,
    trust,
    unsigned,
)
from tests.shared.packaging.samples import Unit

Bad = Callable[[str], str]


def swap(old: str, new: str, count: int = 1) -> Bad:
    def change(text: str) -> str:
        assert old in text, old
        return text.replace(old, new, count)

    return change


def drop(pattern: str) -> Bad:
    def change(text: str) -> str:
        changed, number = re.subn(pattern, "", text, count=1, flags=re.DOTALL)
        assert number, pattern
        return changed

    return change


#: What is done to an unsigned package with two files, the one code that it gives, where.
WRONG: dict[str, tuple[Bad, str, str]] = {
    "no such element": (
        swap("<密级>公开</密级>", "<密级>公开</密级><密码/>"), "eep_schema", "内容描述",
    ),
    "a missing element": (drop("<立档单位名称>.*?</立档单位名称>"), "eep_schema", "来源"),
    "a wrong value": (swap("<页数>2</页数>", "<页数>0</页数>"), "eep_schema", "页数"),
    "another root": (swap("电子文件封装包", "文件", 2), "eep_not_a_package", ""),
    "identifier twice": (
        swap("修改0-文档1-文档数据2-编码1\"", "修改0-文档1-文档数据1-编码1\""),
        "eep_identifier_twice", "文档数据[2]/编码",
    ),
    "dangling reference": (
        swap("编码1-编码数据\">", "编码1-编码数据\" 引用编码数据ID=\"修改0-没有\">"),
        "eep_reference_dangling", "编码数据",
    ),
    "unknown agent": (
        swap("<机构人员标识符>机构人员-1</机构人员标识符>", "<机构人员标识符>谁</机构人员标识符>"),
        "eep_entity_unknown", "业务实体",
    ),
    "another kind": (
        swap("<封装包类型>原始型", "<封装包类型>修改型"), "eep_kind_differs", "被签名对象",
    ),
    "version of the signed object": (
        swap("<版本>2009", "<版本>2018"), "eep_version_differs", "版本",
    ),
    "foreign base64": (swap("JVBERi0x", "JVBE*i0x"), "eep_base64", "编码数据"),
    "base64 cut off": (swap("UEstb2Zk", "UEstb2Z"), "eep_base64", "编码数据"),
    "base64 goes on": (swap("UEstb2Zk", "UEstb2==UEst"), "eep_base64", "编码数据"),
    "base64 with more bits": (swap("UEstb2Zk", "UEstb2Z="), "eep_base64", "编码数据"),
    "an element in the content": (swap("UEstb2Zk", "UEst<a></a>b2Zk"), "eep_base64", "编码数据"),
    "another size": (swap("UEstb2Zk", "UEstb2Zkb2Zk"), "eep_size_differs", "编码数据"),
    "no content": (swap("UEstb2Zk", ""), "eep_content_missing", "编码数据"),
    "path escapes": (swap(">附件.ofd<", ">../../附件<"), "eep_file_name", "编码"),
    "device name": (swap(">附件.ofd<", ">CON.ofd<"), "eep_file_name", "编码"),
    "name not composed": (swap(">附件.ofd<", ">e\u0301.ofd<"), "eep_file_name", "编码"),
    "comment": (swap("部门预算", "部门<!-- 不 -->预算"), "eep_comment", "第"),
    "processing instruction": (
        swap("部门预算", "部门<?x 不?>预算"), "eep_processing_instruction", "第",
    ),
    "document type": (
        swap("<电子文件封装包", "<!DOCTYPE a [<!ENTITY b 'c'>]><电子文件封装包"), "eep_dtd", "第",
    ),
    "entity": (swap("部门预算", "&lol;"), "eep_not_well_formed", "第"),
    "foreign namespace": (
        swap("<题名>关于", "<题名 xmlns=\"urn:x\">关于"), "eep_foreign_name", "第",
    ),
    "attribute of another namespace": (
        swap("<题名>关于", '<题名 xmlns:x="urn:x" x:文档数据ID="y">关于'), "eep_foreign_name", "第",
    ),
    "a name too long": (swap("<题名>关于", f"<{'题' * 200}>关于"), "eep_too_large", "第"),
    "cut off": (lambda text: text[: len(text) // 2], "eep_not_well_formed", "第"),
    "empty": (lambda text: "", "eep_not_well_formed", "第"),
    "no XML": (lambda text: "PK\x03\x04" + text, "eep_not_well_formed", "第"),
    "another encoding": (swap('"UTF-8"', '"UTF-7"'), "eep_encoding", "XML 声明"),
    "too deep": (
        swap("部门预算", "<a>" * 300 + "</a>" * 300), "eep_too_large", "第",
    ),
    "too many attributes": (
        swap("<题名>关于", "<题名 " + " ".join(f'a{n}="b"' for n in range(20)) + ">关于"),
        "eep_too_large", "第",
    ),
    "a value too long": (swap("部门预算", "长" * 300_000), "eep_too_large", "第"),
    "a tag too long": (swap("<题名>关于", f"<{'a' * 3_000_000}>"), "eep_too_large", "第"),
    "too many elements": (swap("部门预算", "<a></a>" * 3_000), "eep_too_large", "第"),
}  # fmt: skip


def two_files(unit: Unit):
    return unit.record(unit.file("通知.pdf"), unit.file("附件.ofd", b"PK-ofd"))


@pytest.mark.parametrize("name", WRONG)
def test_each_bad_package_gives_one_named_finding_at_its_place(
    name: str, unit: Unit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_ELEMENTS", 2_000)
    change, code, where = WRONG[name]
    text = unsigned(unit, two_files(unit)).getvalue().decode()
    stream = io.BytesIO(change(text).encode())
    report = verify(stream)
    named = [each for each in report.findings if each.is_error]
    assert [each.code for each in named] == [code]
    (found,) = named
    assert where in (found.where or "")
    assert found.problem.endswith("。")
    assert not report.is_sound
    for part in report.parts:
        assert part.passed is not None or not part.findings
    if code not in READABLE:
        with pytest.raises(Invalid):
            open_eep(stream, as_it_is=True)
    assert [each.name for each in tmp_path.iterdir()] == ["files"]


#: What is only not of DA/T 48 can be read as it is, once somebody wants it.
READABLE = {"eep_schema"}


def test_a_name_that_differs_by_case_or_composition_alone_is_found(unit: Unit) -> None:
    record = unit.record(unit.file("Aé.pdf", b"one"), unit.file("b.pdf", b"two"))
    content = unsigned(unit, record).getvalue()
    report = verify(io.BytesIO(content.replace(b">b.pdf<", ">aÉ.PDF<".encode())))
    assert "eep_file_name_twice" in codes(report)


def test_a_base64_error_is_told_by_its_character(unit: Unit) -> None:
    content = unsigned(unit, unit.record(unit.file("a.bin", bytes(1000)))).getvalue()
    at = content.index(b"AAAA", content.index("编码数据ID".encode()))
    for place in (0, 75, 77, 700):
        bad = content[: at + place] + b"!" + content[at + place + 1 :]
        (found,) = [e for e in verify(io.BytesIO(bad)).findings if e.code == "eep_base64"]
        assert found.actual == f"第 {place + 1} 个字符"


def altered(mark: str, number: int = 1) -> Bad:
    """Another letter behind the so manieth mark."""

    def change(text: str) -> str:
        at = -1
        for _ in range(number):
            at = text.index(mark, at + 1)
        at += len(mark) + 3
        return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]

    return change


#: What is done to a signed package, the one code that it gives, where; and what is altered then.
S, L, WRONG_ONE = "电子签名", "锁定签名", "eep_signature_wrong"
ALTERED: dict[str, tuple[Bad, str, str, str]] = {
    "a value": (swap("部门预算", "部门决算"), WRONG_ONE, S, S),
    "a byte of a file": (swap("UEstb2Zk", "UEstb2Zj"), WRONG_ONE, S, S),
    "a value to a wrong one": (swap("<页数>2", "<页数>0"), "eep_schema", "页数", S),
    "base64 to a wrong one": (swap("UEstb2Zk", "UEst*2Zk"), "eep_base64", "编码数据", S),
    "an identifier to another": (
        swap("修改0-文档1-文档数据2-编码1\"", "修改0-文档1-文档数据1-编码1\""),
        "eep_identifier_twice", "文档数据[2]/编码", S,
    ),
    "a name to a path": (swap(">附件.ofd<", ">../x.ofd<"), "eep_file_name", "编码", S),
    "an agent": (
        swap("<机构人员标识符>机构人员-1</机构人员标识符>", "<机构人员标识符>谁</机构人员标识符>"),
        "eep_entity_unknown", "业务实体", S,
    ),
    "the signature": (altered("<签名结果>"), WRONG_ONE, S, S + " " + L),
    "its certificate": (altered("<证书>"), "eep_certificate_unreadable", S, L),
    "its algorithm": (
        swap("<签名算法标识>1.2", "<签名算法标识>2.2"), "eep_algorithm_differs", S, L,
    ),
    "its rule": (
        swap("<签名规则>", "<签名规则>x"), "eep_signature_rule_unknown", S, L,
    ),
    "its time": (swap("<签名时间>2024", "<签名时间>2025"), WRONG_ONE, L, L),
    "the lock": (altered("<签名结果>", 2), WRONG_ONE, L, L),
    "the lock's certificate": (altered("<证书>", 2), "eep_certificate_unreadable", L, ""),
    "what is locked": (
        swap("<被锁定签名标识符>修改0-签名1", "<被锁定签名标识符>修改0-签名9"),
        "eep_reference_dangling", L, "",
    ),
    "no lock": (drop("<锁定签名>.*</锁定签名>"), "eep_lock_missing", "电子签名块", ""),
    "the version": (swap("<版本>2009", "<版本>2018"), "eep_version_differs", "版本", ""),
    "a space": (swap("<版本>", "<版本 >"), "eep_not_canonical", "", ""),
    "a comment": (swap("部门预算", "部门<!-- -->预算"), "eep_comment", "第", ""),
    "its end": (lambda text: text[:-20], "eep_not_well_formed", "第", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", ALTERED)
def test_whatever_is_altered_in_a_signed_package_is_one_finding_with_the_rest_as_evidence(
    name: str, unit: Unit
) -> None:
    change, code, where, verdicts = ALTERED[name]
    content = change(original(unit, two_files(unit)).getvalue().decode()).encode()
    report = judged(content, unit)
    assert [each.code for each in report.findings] == [code]
    assert where in (report.findings[0].where or "")
    assert not report.is_proven
    told = {True: L, False: S}
    wrong = {told[each.is_lock] for each in report.signatures if each.verdict is Verdict.ALTERED}
    assert wrong == set(verdicts.split())
    for each in report.signatures:  # none loses what is wrong with it
        assert bool(each.findings or each.evidence) == (each.verdict is not Verdict.VALID)
        assert (each.because is None) == (not each.evidence)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), outer=st.booleans())
def test_a_flipped_bit_of_a_signed_package_is_named(
    place: float, bit: int, outer: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    unit, content = _signed(tmp_path_factory)[outer]
    at = int(place * len(content))
    bad = content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
    report = judged(bad, unit)
    assert len([each for each in report.findings if each.is_error]) == 1, codes(report)
    assert not report.is_proven
    with pytest.raises(Invalid) as refused:
        open_eep(io.BytesIO(bad), trust=trust(unit))
    assert refused.value.code


_SIGNED: dict[bool, tuple[Unit, bytes]] = {}


def _signed(folders: pytest.TempPathFactory) -> dict[bool, tuple[Unit, bytes]]:
    if not _SIGNED:
        unit = Unit(folders.mktemp("unit"))
        record = unit.record(unit.file("a.txt", b"short"))
        package = original(unit, record)
        assert judged(package.getvalue(), unit).is_proven
        _SIGNED[False] = unit, package.getvalue()
        _SIGNED[True] = unit, modified(unit, package, record).getvalue()
    return _SIGNED


def test_every_byte_outside_the_signed_object_counts(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    unit, content = _signed(tmp_path_factory)[False]
    start, end = content.index("<被签名对象".encode()), content.index("</被签名对象>".encode())
    missed = []
    for at in (*range(start + 30), *range(end, len(content), 4)):
        bad = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        if judged(bad, unit).is_proven:
            missed.append((at, content[at - 20 : at + 20]))
    assert missed == []


def test_nothing_inside_a_comment_or_outside_the_form_is_taken_for_signed(unit: Unit) -> None:
    content = original(unit, two_files(unit)).getvalue().decode()
    for change, code in (
        (swap("部门预算", "部门<!---->预算"), "eep_comment"),
        (swap("部门预算", "部门<?x?>预算"), "eep_processing_instruction"),
        (swap("<版本>", "<版本 >"), "eep_not_canonical"),
        (swap("部门预算", "<![CDATA[部门预算]]>"), "eep_not_canonical"),
        (lambda text: text + "\n", "eep_not_canonical"),
        (drop("<锁定签名>.*</锁定签名>"), "eep_lock_missing"),
    ):
        report = judged(change(content).encode(), unit)
        assert code in codes(report)
        assert not report.is_proven
        if code not in {"eep_not_canonical", "eep_lock_missing"}:
            assert {each.verdict for each in report.signatures} == {Verdict.UNVERIFIABLE}


def test_a_changed_declaration_of_encoding_or_namespace_alters_what_was_signed(
    unit: Unit,
) -> None:
    content = original(unit, two_files(unit)).getvalue()
    report = judged(content.replace(b'"UTF-8"', b'"GB18030"', 1), unit)
    assert not report.is_proven
    report = judged(content.replace(b"ERM/encapsulation", b"ERM/encapsulatiom", 1), unit)
    assert {each.verdict for each in report.signatures} == {Verdict.ALTERED}


# ---- what others make


def foreign(unit: Unit, change: Bad, encoding: str = "UTF-8") -> Report:
    text = unsigned(unit, two_files(unit)).getvalue().decode()
    return verify(io.BytesIO(change(text).encode(encoding)))


def test_a_package_without_namespace_is_read_by_its_names(unit: Unit) -> None:
    text = unsigned(unit, two_files(unit)).getvalue().decode()
    bare = re.sub(r' xmlns="[^"]*"', "", text).encode()
    report = verify(io.BytesIO(bare))
    assert [each.code for each in report.findings] == [
        "eep_not_canonical", "eep_namespace_other", "eep_signature_absent",
    ][1:]  # fmt: skip
    assert report.is_sound
    opened = open_eep(io.BytesIO(bare), as_it_is=True)
    assert [file.name for each in opened.documents for file in each.files] == [
        "通知.pdf", "附件.ofd",
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["GB18030", "GBK"])
def test_a_chinese_encoding_is_read(unit: Unit, encoding: str) -> None:
    text = unsigned(unit, two_files(unit)).getvalue().decode()
    content = text.replace("UTF-8", encoding, 1).encode("gb18030")
    opened = open_eep(io.BytesIO(content), as_it_is=True)
    assert codes(opened.report) == ["eep_signature_absent"]
    taken: list[bytes] = []
    opened.pour(lambda file: taken.append if file.name == "附件.ofd" else None)
    assert b"".join(taken) == b"PK-ofd"
    signed = original(unit, two_files(unit)).getvalue().decode().replace("UTF-8", encoding, 1)
    assert judged(signed.encode("gb18030"), unit).is_proven
    with pytest.raises(Invalid):
        modified(unit, io.BytesIO(signed.encode("gb18030")), two_files(unit))
    broken = verify(io.BytesIO(content.replace("预算".encode("gb18030"), b"\xff\xff\xff", 1)))
    assert "eep_encoding" in codes(broken)


def test_another_version_and_an_md5_are_said_and_prove_nothing(unit: Unit) -> None:
    content = original(unit, two_files(unit)).getvalue().decode()
    md5 = re.sub(r"<签名规则>[^<]*</签名规则>", "<签名规则>MD5</签名规则>", content)
    report = judged(md5.replace("<版本>2009", "<版本>5.0").encode(), unit)
    assert "eep_version_differs" in codes(report)
    assert codes(report).count("eep_signature_rule_unknown") == 2
    assert {each.verdict for each in report.signatures} == {Verdict.UNVERIFIABLE}


def test_a_digest_in_place_of_the_content_is_told_apart(unit: Unit) -> None:
    digest = base64.b64encode(bytes(32)).decode()

    def change(text: str) -> str:
        return text.replace("base64-ofd", "sha256-base64Binary").replace("UEstb2Zk", digest)

    report = foreign(unit, change)
    assert "eep_digest_only" in codes(report)
    assert report.contents.passed is None
    text = unsigned(unit, two_files(unit)).getvalue().decode()
    opened = open_eep(io.BytesIO(change(text).encode()), as_it_is=True)
    assert [file.encoded is None for each in opened.documents for file in each.files] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [("<密级>公开", "<密级>机密"), (">附件.ofd<", ">附件（秘密★10年）.ofd<")],
)
def test_a_classified_package_stays_closed_and_is_not_quoted(
    unit: Unit, old: str, new: str
) -> None:
    text = unsigned(unit, two_files(unit)).getvalue().decode()
    with pytest.raises(Classified) as refused:
        open_eep(io.BytesIO(swap(old, new)(text).encode()), as_it_is=True)
    assert "部门预算" not in str(refused.value)


def test_many_errors_are_told_up_to_a_limit(unit: Unit) -> None:
    text = unsigned(unit, two_files(unit)).getvalue().decode()
    many = text.replace("<附注>", "<文档标识符>一</文档标识符>" * 5_000 + "<附注>", 1).encode()
    report = verify(io.BytesIO(many))
    assert len(report.references.findings) == 100


def test_random_bytes_are_never_a_fault_of_the_reader(unit: Unit) -> None:
    content = bytearray(original(unit, two_files(unit)).getvalue())
    chance = random.Random(1)
    for _ in range(60):
        bad = bytearray(content)
        for _ in range(chance.randrange(1, 20)):
            at = chance.randrange(len(bad))
            bad[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(4))
        assert judged(bytes(bad), unit).findings
