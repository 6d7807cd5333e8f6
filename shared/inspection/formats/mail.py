"""Mail (RFC 5322, MIME): header, body, every part to its end, and what is attached."""

from __future__ import annotations

import email
import email.policy
from typing import BinaryIO

from shared.inspection.formats.examination import Look
from shared.inspection.formats.table import extension_of
from shared.inspection.formats.trouble import ACTIVE, DAMAGED, UNSURE

_MOST = 64 * 1024 * 1024
_PROGRAMS = {"exe", "dll", "scr", "bat", "cmd", "com", "js", "vbs", "ps1", "msi", "jar", "lnk"}


def examine(stream: BinaryIO, size: int, look: Look) -> None:
    """Every part decodes and every boundary is closed; attachments are counted and named."""
    content = stream.read(min(size, _MOST))
    if size > _MOST:
        look.trouble(UNSURE, f"邮件很大，只检测了前 {_MOST // 1024**2} MB")
    if b"\n\n" not in content and b"\r\n\r\n" not in content:
        look.trouble(DAMAGED, "邮件没有正文，文件可能不完整")
        return
    message = email.message_from_bytes(content, policy=email.policy.default)
    attached = 0
    for part in message.walk():
        boundary = part.get_boundary()
        if boundary and f"--{boundary}--".encode("utf-8", "replace") not in content:
            look.trouble(DAMAGED, "邮件的多个部分没有正常结束，文件可能不完整")
        if any("Base64" in type(each).__name__ for each in part.defects):
            look.trouble(DAMAGED, "邮件有一部分的编码有误，文件可能不完整")
        name = part.get_filename()
        if name:
            attached += 1
            if extension_of(str(name)) in _PROGRAMS:
                look.trouble(ACTIVE, "邮件的附件是程序", str(name))
    look.facts["attachments"] = attached
