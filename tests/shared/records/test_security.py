"""秘密, 机密 and 绝密 never enter, whatever their spelling."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.errors import Classified, Invalid
from shared.records.security import (
    SecurityClass,
    classified_mark,
    read_security,
    refuse_classified,
)


@pytest.mark.parametrize("value", ["", None, "无", "非密", "公开", "普通", "国内", " 无 ", "none"])
def test_empty_and_public_mean_not_classified(value: object) -> None:
    assert read_security(value) is SecurityClass.NONE


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("内部", SecurityClass.INTERNAL),
        ("限制", SecurityClass.INTERNAL),
        ("工作秘密", SecurityClass.WORK_SECRET),
        ("工作秘密★5年", SecurityClass.WORK_SECRET),
        ("工 作 秘 密", SecurityClass.WORK_SECRET),
        ("work_secret", SecurityClass.WORK_SECRET),
    ],
)
def test_internal_and_work_secret_are_values_of_their_own(
    value: str, expected: SecurityClass
) -> None:
    assert read_security(value) is expected


@pytest.mark.parametrize(
    "value",
    [
        "秘密",
        "机密",
        "绝密",
        "机密★10年",
        "秘 密",
        "秘\u3000密",
        "绝\u200b密",
        "［机密］",
        "ＪＭ",
        "MM",
        "um",
        "機密",
        "秘密级",
        "秘密(已解密)",
        "★绝密★启用前",
        "secret",
    ],
)
def test_classified_values_are_refused_in_every_spelling(value: str) -> None:
    with pytest.raises(Classified):
        read_security(value)


def test_an_unknown_value_is_invalid_and_says_what_can_be_written() -> None:
    with pytest.raises(Invalid, match="密级") as caught:
        read_security("很重要")
    assert "工作秘密" in caught.value.remedy


@given(st.text(max_size=20))
def test_reading_any_text_gives_a_class_or_a_refusal(text: str) -> None:
    with suppress(Invalid, Classified):
        assert read_security(text) in SecurityClass


@pytest.mark.parametrize(
    "text",
    [
        "机密★20年",
        "关于××案的报告 机密★20年",
        "秘密★",
        "★秘密",
        "绝密★启用前",
        "绝 密 ★ 3 0 年",
        "机密*10年",
        "机密☆长期",
        "关于某事的请示（秘密）",
        "【机密】关于某事的通知",
        "密级：绝密",
        "第一行\n  机密  \n第三行",
        "机密 20年\n关于某事的通知",
        "机\u200b密★1年",
        "秘密级★5年",
        "機密★10年",
        "秘密·10年",
        "工作机密★1年",
    ],
)
def test_marks_of_classification_are_found(text: str) -> None:
    assert classified_mark(text)
    with pytest.raises(Classified) as caught:
        refuse_classified("无关", None, text)
    assert "某事" not in str(caught.value.to_wire())


def test_a_mark_without_star_counts_only_at_the_head_of_a_text() -> None:
    body = "本规定所称密级分为三级。\n" * 100
    assert classified_mark("机密\n" + body)
    assert classified_mark(body + "\n机密\n" + body) is None
    assert classified_mark(body + "机密★10年\n" + body)


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "text",
    [
        ("秘密" + " " * 3000) * 60,
        "秘密 \n" * 100_000,
        "机密" + "★" * 200_000,
        "（" * 200_000 + "秘密",
    ],
)
def test_searching_a_long_hostile_text_takes_no_time(text: str) -> None:
    classified_mark(text)


@pytest.mark.parametrize(
    "text",
    [
        "关于商业秘密保护的通知",
        "机密计算平台建设方案",
        "中华人民共和国保守国家秘密法",
        "国家秘密定密管理暂行规定",
        "关于加强工作秘密管理的通知",
        "工作秘密★5年",
        "商业秘密★长期",
        "绝密级国家秘密的保密期限不超过30年，机密级不超过20年，秘密级不超过10年",
        "密级：□秘密 □机密",
        "关于保密工作的通知★",
        "",
        None,
    ],
)
def test_speaking_of_secrets_is_not_a_mark(text: str | None) -> None:
    assert classified_mark(text) is None
