"""The documents of one record 件: their roles, and the order within the record 件内排序.

DA/T 22-2015: the final text before the draft, the main text before its annexes, the original
before the copy, the forwarding text before the forwarded, the reply before the letter; for an
incoming document the processing sheet first, for an outgoing one the issuing sheet and draft last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

#: Role to its place in the order within a record.
DOCUMENT_ROLES = {
    "文件处理单": 10,
    "正本": 20,
    "复文": 20,
    "转发文": 20,
    "少数民族文字本": 25,
    "副本": 28,
    "附件": 30,
    "被转发文": 40,
    "来文": 50,
    "发文稿纸": 60,
    "定稿": 62,
    "留痕稿": 64,
    "修改稿": 66,
    "原件": 20,
    "复制件": 70,
    "外文本": 72,
    "译本": 74,
    "其他": 90,
}
MAIN_ROLES = frozenset({"正本", "复文", "转发文", "原件"})

#: Role to the value of M45 稿本 in DA/T 46, where it has one.
MANUSCRIPT_TYPES = {
    "正本": "正本",
    "复文": "正本",
    "转发文": "正本",
    "副本": "副本",
    "定稿": "定稿",
    "修改稿": "草稿",
    "留痕稿": "草稿",
}

#: What files are called in offices, by the role that it says; others have no name of their own.
_CALLED = {
    "文件处理单": "文件处理单|收文处理单|处理单|阅办单",
    "正本": "正本|正文",
    "附件": "附件",
    "发文稿纸": "发文稿纸|发文单|稿纸",
    "定稿": "定稿",
    "留痕稿": "留痕稿|花脸稿",
    "修改稿": "修改稿",
}
_NUMBERED = r"[\s\d一二三四五六七八九十]*"
#: Apart from the rest of the name: `0004_定稿`, `通知（定稿）`, `附件1：名单`; not 通知及附件.
_APART = {
    role: re.compile(
        rf"(?:^|[_\-－—·.\s（(【\[])(?:{words}){_NUMBERED}[）)】\]]?{_NUMBERED}$"
        rf"|^(?:{words}){_NUMBERED}[_\-－—·.：:\s（(]"
    )
    for role, words in _CALLED.items()
}


def roles_named(names: Sequence[str]) -> list[str]:
    """The roles of the files of one record, as far as their names say them.

    Of those whose names say nothing the first is the main text 正本, unless another is, and the
    others are annexes 附件.
    """
    found = [_role_in(name) for name in names]
    has_main = any(role in MAIN_ROLES for role in found)
    roles = []
    for said in found:
        roles.append(said or ("附件" if has_main else "正本"))
        has_main = has_main or not said
    return roles


def _role_in(name: str) -> str:
    stem = name.rpartition(".")[0] or name
    return next((role for role, said in _APART.items() if said.search(stem)), "")
