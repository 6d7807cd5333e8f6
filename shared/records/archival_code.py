"""The archival code 档号: built, read, normalised, ordered, compared with its record.

Four schemes stand side by side:

- ``item``    DA/T 22-2015, by record: ``A182-WS·2022-D30-BGS-0026`` (``·001`` names a part);
- ``volume``  DA/T 13-2022, by volume: ``A182-KU·01·2022-D30-001-0001``;
- ``project`` DA/T 13-2022 with a project or catalogue number: ``A182-KJ·JJ-2019001-001-0012``
  (``A182-KJ·JJ-2019001`` is the project itself);
- ``old``     DA/T 13-1994, in its three structures: fonds-catalogue-volume-item
  (``230-QQ0309-0001-001``), fonds-class-volume-item (``230-KJ-0001-001``), and
  class-project-volume-item (``KJ-2019001-001-0012``, without a fonds).

Widths stand in `data/archival_code_rules.json`, and whether the middle segment of a class is a
project's or a catalogue's number. A part that an office does not use is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from shared.kernel.errors import Invalid
from shared.records.classes import Arrangement, load_classes
from shared.records.resources import load_json
from shared.records.retention import retention_rank
from shared.records.text import FIRST_YEAR, LAST_YEAR

_RULES = load_json("archival_code_rules.json")
_WIDTHS = _RULES["widths"]
_OLD = _RULES["old"]


def _span(name: str, rules: Any = _WIDTHS) -> str:
    least, most = rules[name]
    return f"{{{least},{most}}}"


FONDS_PATTERN = rf"[A-Z0-9]{_span('fonds')}"
SUBCLASS_PATTERN = rf"[A-Z0-9]{_span('subclass')}"
ORGAN_PATTERN = rf"[A-Z0-9]{_span('organ')}"
_RETENTION = r"Y|D\d{1,2}|C|D"
_VOLUME_WIDTH: int = _WIDTHS["volume"]
_NUMBER_WIDTH: int = _WIDTHS["number"]
_SUB_WIDTH: int = _WIDTHS["sub_number"]

_CLASS = rf"(?P<class_code>[A-Z]{_span('class')})(?:·(?P<subclass>{SUBCLASS_PATTERN}))?"
_NUMBER = (
    rf"(?P<number>\d{{{_NUMBER_WIDTH}}}|[1-9]\d{{{_NUMBER_WIDTH},{_WIDTHS['number_most'] - 1}}})"
    rf"(?:·(?P<sub_number>\d{{{_SUB_WIDTH}}}))?"
)
_VOLUME = rf"(?P<volume>\d{{{_VOLUME_WIDTH}}})"
_HEAD = rf"(?P<fonds>{FONDS_PATTERN})-{_CLASS}"
_DATED = rf"{_HEAD}·(?P<year>\d{{4}})-(?P<retention>{_RETENTION})"
_LETTERED = rf"(?=[A-Z0-9]*[A-Z]){ORGAN_PATTERN}"

_ITEM_FORM = re.compile(rf"{_DATED}(?:-(?P<organ>{ORGAN_PATTERN}))?-{_NUMBER}")
_VOLUME_FORM = re.compile(rf"{_DATED}(?:-(?P<organ>{_LETTERED}))?-{_VOLUME}(?:-{_NUMBER})?")
_PROJECT_FORM = re.compile(
    rf"{_HEAD}-(?P<middle>[A-Z0-9]{_span('project')})(?:-{_VOLUME}(?:-{_NUMBER})?)?"
)
_OLD_FORM = re.compile(
    rf"(?P<first>[A-Z0-9]{_span('fonds', _OLD)})-(?P<second>[A-Z0-9]{_span('catalogue', _OLD)})"
    rf"-(?P<volume>\d{_span('volume', _OLD)})(?:-(?P<number>\d{_span('number', _OLD)}))?"
)


@dataclass(frozen=True)
class ArchivalCode:
    """The parts of a code. Numbers are numbers; `build` pads them.

    `fonds` is empty in the one structure of DA/T 13-1994 that begins with the class.
    """

    scheme: str
    fonds: str
    class_code: str | None = None
    subclass: str | None = None
    year: int | None = None
    retention: str | None = None
    organ: str | None = None
    project_number: str | None = None
    catalogue_number: str | None = None
    volume: int | None = None
    number: int | None = None
    sub_number: int | None = None
    #: Digits of volume and number in a code of the old scheme, where widths were free.
    old_widths: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        """The code itself."""
        return build(self)


_MARKS: dict[int, str] = {}
for _letter in range(26):
    for _base in (ord("a"), 0xFF41, 0xFF21):
        _MARKS[_base + _letter] = chr(ord("A") + _letter)
for _digit in range(10):
    _MARKS[0xFF10 + _digit] = chr(ord("0") + _digit)
_MARKS |= {ord(each): "·" for each in ".·•‧∙⋅・･．﹒·ㆍ᛫●"}
_MARKS |= {ord(each): "-" for each in "-‐‑‒–—―−⁃﹘﹣－˗─━➖ｰー/／_＿"}
_NOTHING = " \t\n\r\u00a0\u3000\u2002\u2003\u2009\u200b\u200c\u200d\u2060\ufeff\u00ad"
_MARKS |= dict.fromkeys(map(ord, _NOTHING), "")
_DOUBLE = re.compile("[—―─━]{2}")
#: How nearly all codes are written: nothing to change.
_PLAIN = re.compile(r"[A-Z0-9·\-]*")


def normalise(text: str) -> str:
    """One spelling for all: `-` and `·` (U+00B7), capital half-width letters, no white space.

    Reads every look-alike of the two separators and the double dash of Chinese keyboards. It
    repairs spelling only; whether the result is a code is said by `parse`.
    """
    if _PLAIN.fullmatch(text):
        return text
    return _DOUBLE.sub("-", text).translate(_MARKS)


def _by_item(class_code: str) -> bool:
    found = load_classes().get(class_code)
    return found is not None and found.arrangement is Arrangement.ITEM


def _may_be_a_number(organ: str, class_code: str) -> bool:
    """Whether digits in the place of the organ are rather a volume's or a record's number."""
    if not organ.isdecimal():
        return False
    return len(organ) >= _NUMBER_WIDTH or (len(organ) == _VOLUME_WIDTH and not _by_item(class_code))


def parse(text: str) -> ArchivalCode:
    """The parts of a code, in any spelling that `normalise` reads.

    Raises Invalid with the reason and what to do.
    """
    plain = normalise(text)
    if found := _ITEM_FORM.fullmatch(plain):
        organ = found["organ"]
        if organ is None or not _may_be_a_number(organ, found["class_code"]):
            return _checked(_code("item", found, organ=organ))
    if found := _VOLUME_FORM.fullmatch(plain):
        if _by_item(found["class_code"]):
            raise _unreadable("件号的位数不对", f"请把件号补足{_NUMBER_WIDTH}位，例如 0026。")
        return _checked(_code("volume", found, organ=found["organ"]))
    found = _PROJECT_FORM.fullmatch(plain)
    if found and (field := _middle_of(found["class_code"], itself=found["volume"] is None)):
        return _checked(_code("project", found, **{field: found["middle"]}))
    if (found := _OLD_FORM.fullmatch(plain)) and (old := _old_code(found)):
        return _checked(old)
    raise _why_unreadable(plain)


def _middles(class_code: str | None) -> list[str]:
    found: list[str] = _RULES["middle_segment"].get(class_code, _RULES["middle_segment_default"])
    return found


def has_projects(class_code: str) -> bool:
    """Whether volumes of the class may stand in projects 项目, which have codes of their own."""
    return "project_number" in _middles(class_code)


def _middle_of(class_code: str, *, itself: bool) -> str | None:
    """What the middle segment is. A project has a code itself; a catalogue 目录 has none."""
    if class_code not in load_classes():
        return None
    if itself:
        return "project_number" if has_projects(class_code) else None
    return _middles(class_code)[0]


def _old_code(found: re.Match[str]) -> ArchivalCode | None:
    """The parts in one of the three structures of DA/T 13-1994; None when it is none of them."""
    first, second = found["first"], found["second"]
    parts: dict[str, Any] = {"fonds": first, "catalogue_number": second}
    if first in load_classes():
        parts = {"fonds": "", "class_code": first, "project_number": second}
    elif second in load_classes():
        # A year there is a code of today with the wrong separator, not the number of a volume.
        year = len(found["volume"]) == 4 and FIRST_YEAR <= int(found["volume"]) <= LAST_YEAR
        if year or _by_item(second):
            return None
        parts = {"fonds": first, "class_code": second}
    number = found["number"]
    return ArchivalCode(
        "old",
        **parts,
        volume=int(found["volume"]),
        number=int(number) if number else None,
        old_widths=(len(found["volume"]), len(number or "")),
    )


def _code(scheme: str, found: re.Match[str], **more: Any) -> ArchivalCode:
    parts = found.groupdict()
    return ArchivalCode(
        scheme,
        parts["fonds"],
        class_code=parts["class_code"],
        subclass=parts["subclass"],
        year=int(parts["year"]) if parts.get("year") else None,
        retention=parts.get("retention"),
        volume=int(parts["volume"]) if parts.get("volume") else None,
        number=int(parts["number"]) if parts["number"] else None,
        sub_number=int(parts["sub_number"]) if parts["sub_number"] else None,
        **more,
    )


def _checked(code: ArchivalCode) -> ArchivalCode:
    if code.year is not None and not FIRST_YEAR <= code.year <= LAST_YEAR:
        raise _unreadable(f"年度 {code.year} 不合理", "请核对年度。")
    for value in (code.volume, code.number, code.sub_number):
        if value == 0:
            raise _unreadable("卷号、件号应从1开始", "请核对卷号和件号。")
    return code


def _unreadable(problem: str, remedy: str) -> Invalid:
    return Invalid("code", f"档号不合规范：{problem}。", remedy, code="bad_archival_code")


def _why_unreadable(plain: str) -> Invalid:
    example = "规范的写法例如 A182-WS·2022-D30-BGS-0026（全宗号-门类·年度-期限-机构-件号）。"
    if not plain:
        return _unreadable("没有内容", example)
    if odd := re.search(r"[^A-Z0-9·\-]", plain):
        return _unreadable(f"含有“{odd.group()}”", f"只能用字母、数字、“-”和“·”。{example}")
    if re.search(r"--|··|-·|·-|^[-·]|[-·]$", plain):
        return _unreadable("有空的段", f"不用的段连同分隔符一起省略。{example}")
    if re.match(r"[A-Z0-9]+-[A-Z]{2}(-[A-Z0-9]{1,3})?-\d{4}-", plain):
        return _unreadable("门类与年度之间应为“·”", f"请把门类后的“-”改为“·”。{example}")
    first = plain.partition("-")[0]
    if not re.fullmatch(FONDS_PATTERN, first) and "·" in plain:
        return _unreadable(f"全宗号“{first[:20]}”不是4位", f"请填写4位的全宗号。{example}")
    if re.search(r"-\d{1,3}$", plain) and "·" in plain:
        return _unreadable("件号的位数不对", f"请把件号补足{_NUMBER_WIDTH}位，例如 0026。")
    return _unreadable("段的结构不对", example)


def build(code: ArchivalCode) -> str:
    """The code of its parts, padded and joined.

    Raises Invalid when a part is missing or would make a code that reads as something else.
    """
    text = _join(code)
    if with_middle(parse(text), code.project_number, code.catalogue_number) != code:
        if code.project_number and not has_projects(code.class_code or ""):
            raise _unreadable("这一门类不设项目号", "请去掉项目号，或改用目录号。")
        if code.catalogue_number and code.scheme == "project":
            raise _unreadable("这一门类不用目录号", "请去掉目录号，或改用项目号。")
        raise _unreadable("各段合起来有歧义", "机构（问题）代码请至少含一个字母。")
    return text


def with_middle(
    code: ArchivalCode, project_number: str | None, catalogue_number: str | None
) -> ArchivalCode:
    """The code, its middle segment named as its record names it, where the class has both names."""
    named = (project_number, catalogue_number)
    exchanged = named == (code.catalogue_number, code.project_number)
    if code.scheme != "project" or not exchanged or len(_middles(code.class_code)) == 1:
        return code
    return replace(code, project_number=project_number, catalogue_number=catalogue_number)


def _join(code: ArchivalCode) -> str:
    if code.scheme == "old":
        volume_width, number_width = code.old_widths
        parts = [code.fonds, code.class_code, code.project_number, code.catalogue_number]
        parts += [_padded(code.volume, volume_width), _padded(code.number, number_width)]
        return "-".join(part for part in parts if part)
    kind = [code.class_code, code.subclass, str(code.year) if code.year else None]
    number = _padded(code.number, _NUMBER_WIDTH)
    if number and code.sub_number is not None:
        number += f"·{_padded(code.sub_number, _SUB_WIDTH)}"
    parts = [
        code.fonds,
        "·".join(part for part in kind if part),
        code.retention,
        code.organ,
        code.project_number,
        code.catalogue_number,
        _padded(code.volume, _VOLUME_WIDTH),
        number,
    ]
    return "-".join(part for part in parts if part)


def _padded(value: int | None, width: int) -> str | None:
    return None if value is None else str(value).zfill(width)


def sort_key(text: str) -> tuple[Any, ...]:
    """Order of codes: readable ones by their parts (permanent first, numbers as numbers).

    Then the unreadable ones, with the numbers in them as numbers.
    """
    plain = normalise(text)
    try:
        code = parse(plain)
    except Invalid:
        pieces = re.findall(r"\d+|\D+", plain)
        natural = tuple((0, int(each), "") if each.isdecimal() else (1, 0, each) for each in pieces)
        return (1, natural, plain)
    return (
        0,
        code.fonds,
        code.class_code or "",
        code.subclass or "",
        code.year or 0,
        retention_rank(code.retention) if code.retention else -1,
        code.organ or "",
        code.project_number or "",
        code.catalogue_number or "",
        code.volume or 0,
        code.number or 0,
        code.sub_number or 0,
        plain,
    )


def compare(first: str, second: str) -> int:
    """-1, 0 or 1: the order of two codes, after normalisation."""
    one, two = sort_key(first), sort_key(second)
    return (one > two) - (one < two)


def holder_of(code: ArchivalCode) -> ArchivalCode | None:
    """The code of what holds it: an item's volume, a volume's project; None when nothing does."""
    if code.volume is None:
        return None
    if code.number is not None:
        widths = (code.old_widths[0], 0)
        return replace(code, number=None, sub_number=None, old_widths=widths)
    if code.scheme == "project" and code.project_number:
        return replace(code, volume=None)
    return None
