"""DA/T 46 metadata: all 88 elements known, the least twenty always there, safe XML."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

from shared.kernel.errors import Invalid
from shared.records.metadata import (
    NAMESPACE,
    Node,
    by_number,
    check_metadata,
    describe,
    find,
    find_all,
    load_scheme,
    read_xml,
    to_xml,
    value_of,
)
from shared.records.record import FileKind, SecurityClass
from tests.records import with_event
from tests.shared.records.strategies import YILING, a_fonds, a_record, fonds_things, records

LEAST_TWENTY = [
    f"M{n}" for n in (1, 2, 6, 7, 8, 11, 12, 21, 22, 33, 38, 40, 65, 67, 70, 77, 80, 81, 82, 85)
]


def test_the_scheme_has_88_elements_and_twenty_of_them_are_mandatory() -> None:
    assert [each.number for each in load_scheme()] == [f"M{n}" for n in range(1, 89)]
    assert [each.number for each in load_scheme() if each.obligation == "M"] == LEAST_TWENTY
    for element in load_scheme():
        assert element.name
        assert element.english
        assert element.obligation in "MCO"
        assert (element.type == "container") == element.is_container
        if element.parent:
            assert by_number()[element.parent].is_container
    assert len({each.name for each in load_scheme()}) == 88


@settings(deadline=None)
@given(records(filed=True), fonds_things)
def test_a_filed_record_has_the_least_twenty_and_survives_xml(record, fonds) -> None:
    tree = describe(record, fonds)
    assert check_metadata(tree) == []
    names = {node.name for node in tree.walk()}
    assert {by_number()[number].name for number in LEAST_TWENTY} <= names
    xml = to_xml(tree)
    assert to_xml(read_xml(xml)) == xml
    assert check_metadata(read_xml(xml)) == []
    assert value_of(read_xml(xml), "题名") == record.title
    assert value_of(read_xml(xml), "档号") == record.code


def test_the_elements_say_what_the_record_says() -> None:
    record = a_record(security=SecurityClass.WORK_SECRET)
    tree = describe(record, a_fonds(), archive=YILING)
    expected = {
        "聚合层次": "文件",
        "档案馆名称": "夷陵区档案馆",
        "立档单位名称": "夷陵区人民政府办公室",
        "电子文件号": record.id,
        "全宗号": "A182",
        "年度": "2024",
        "保管期限": "30年",
        "机构或问题": "办公室",
        "室编件号": "12",
        "文件编号": "夷政办发〔2024〕3号",
        "日期": "2024-03-05",
        "密级": "限制",
        "文件组合类型": "单件",
        "稿本": "正本",
        "计算机文件名": "通知.ofd",
        "计算机文件大小": "1234",
        "格式信息": "格式名称：OFD",
        "脱机载体编号": "无",
        "业务行为": "归档",
        "行为时间": "2025-03-01T00:00:00.000000Z",
    }
    assert {name: value_of(tree, name) for name in expected} == expected
    assert any("工作秘密" in (node.value or "") for node in find_all(tree, "附注"))


def test_every_event_is_a_business_entity_and_the_history_only_grows() -> None:
    record = a_record()
    later = with_event(record, "移交", "李四", agent_unit="区政府办")
    before = find_all(describe(record, a_fonds()), "业务实体")
    after = find_all(describe(later, a_fonds()), "业务实体")
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1
    names = [node.value for node in find_all(describe(later, a_fonds()), "机构人员名称")]
    assert names == ["夷陵区人民政府办公室", "张三", "李四"]


def test_a_digital_copy_brings_its_digitisation_attributes() -> None:
    record = a_record()
    document = record.documents[0]
    copy = replace(document.files[0], kind=FileKind.DIGITAL_COPY)
    scanned = replace(record, documents=(replace(document, files=(copy,)),))
    assert find(describe(record, a_fonds()), "数字化属性") is None
    assert value_of(describe(scanned, a_fonds()), "数字化对象形态") == "纸质"


def test_what_is_missing_is_named() -> None:
    record = a_record(code=None, date=None, events=(), number=None, state="arranging")
    found = {problem.element for problem in check_metadata(describe(record, a_fonds()))}
    assert found == {"M33", "M80", "M81", "M82"}


def altered(name: str, change) -> Node:
    def walk(node: Node) -> list[Node]:
        children = tuple(child for each in node.children for child in walk(each))
        node = replace(node, children=children)
        return change(node) if node.name == name else [node]

    return walk(describe(a_record(), a_fonds()))[0]


@pytest.mark.parametrize(
    ("name", "change", "element", "word"),
    [
        ("密级", lambda n: [replace(n, value="很密")], "M38", "值域"),
        ("聚合层次", lambda n: [replace(n, value="盒")], "M1", "值域"),
        ("年度", lambda n: [replace(n, value="24")], "M11", "年份"),
        ("日期", lambda n: [replace(n, value="2024-02-30")], "M33", "日期"),
        ("行为时间", lambda n: [replace(n, value="昨天")], "M82", "时间"),
        ("室编件号", lambda n: [replace(n, value="0")], "M17", "大于0"),
        ("计算机文件大小", lambda n: [replace(n, value="-1")], "M49", "整数"),
        ("题名", lambda n: [], "M22", "必选"),
        ("题名", lambda n: [n, n], "M22", "一次"),
        ("题名", lambda n: [replace(n, value=None)], "M22", "没有填写"),
        ("题名", lambda n: [replace(n, children=(Node("副题名", "x"),))], "M22", "下级"),
        ("权限管理", lambda n: [replace(n, children=())], "M70", "内容"),
        ("题名", lambda n: [n, Node("别的", "x")], "", "不是方案"),
        ("题名", lambda n: [n, Node("页数", "1")], "M43", "位置"),
    ],
)
def test_what_breaks_the_scheme_is_found(name, change, element, word) -> None:
    found = check_metadata(altered(name, change))
    assert any(each.element == element and word in each.problem for each in found), found
    assert all(each.remedy for each in found)


def test_values_outside_an_open_list_pass() -> None:
    tree = altered("稿本", lambda n: [replace(n, value="花脸稿")])
    assert check_metadata(tree) == []


def test_the_xml_is_chinese_utf8_in_our_namespace_and_always_the_same() -> None:
    xml = to_xml(describe(a_record(), a_fonds()))
    assert xml == to_xml(describe(a_record(), a_fonds()))
    text = xml.decode()
    assert text.startswith("<?xml version='1.0' encoding='UTF-8'?>")
    assert f'xmlns="{NAMESPACE}"' in text
    assert "<题名>关于做好2024年档案工作的通知</题名>" in text


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{n} "{("&a" + str(n - 1) + ";") * 10}">' for n in range(1, 9))
    + "]>"
)
OPEN = f'<电子文件元数据 xmlns="{NAMESPACE}">'
CLOSE = "</电子文件元数据>"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (f"{BOMB}{OPEN}&a8;{CLOSE}".encode(), "dtd_refused"),
        (f'<!DOCTYPE x SYSTEM "file:///etc/passwd">{OPEN}{CLOSE}'.encode(), "dtd_refused"),
        (f"{OPEN}{CLOSE}".encode("utf-16"), "bad_encoding"),
        (f'<?xml version="1.0" encoding="GBK"?>{OPEN}{CLOSE}'.encode("gbk"), "bad_encoding"),
        (f'<?xml version="1.0" encoding="UTF-7"?>{OPEN}{CLOSE}'.encode(), "bad_encoding"),
        (b"", "bad_xml"),
        (b"<a>", "bad_xml"),
        (f"{OPEN}<a/></b>".encode(), "bad_xml"),
        (f"{OPEN}&unknown;{CLOSE}".encode(), "bad_xml"),
        ("<电子文件元数据/>".encode(), "foreign_element"),
        (f'<根 xmlns="{NAMESPACE}"/>'.encode(), "bad_root"),
        (f"{OPEN}<题名>a&#8203;b</题名>{CLOSE}".encode(), "bad_text"),
        (f"{OPEN}{'<甲>' * 20}{'</甲>' * 20}{CLOSE}".encode(), "too_deep"),
        (f"{OPEN}{'<甲>' * 5000}{'</甲>' * 5000}{CLOSE}".encode(), "bad_xml"),
        (f"{OPEN}<题名>{'长' * 30000}</题名>{CLOSE}".encode(), "bad_text"),
        (f"{OPEN}<甲/>文字{CLOSE}".encode(), "stray_text"),
        (b" " * (33 * 1024 * 1024), "too_large"),
    ],
)
def test_hostile_xml_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_xml(content)
    assert caught.value.code == code
