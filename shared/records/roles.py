"""The documents of one record 件: their roles, and the order within the record 件内排序.

DA/T 22-2015: the final text before the draft, the main text before its annexes, the original
before the copy, the forwarding text before the forwarded, the reply before the letter; for an
incoming document the processing sheet first, for an outgoing one the issuing sheet and draft last.
"""

from __future__ import annotations

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
