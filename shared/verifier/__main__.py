"""The verifier as a program of its own: `python danglian-verify.pyz 回执.json 文件…`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from shared.verifier.digests import has_sm3
from shared.verifier.report import OPTIONS, read_authorities, verify

#: As for `danglian`: a wrong call.
_MISUSED = 2


def main() -> int:
    """Read the arguments, verify, print; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="danglian-verify", description="核对接收凭证（回执），并逐个核对文件。"
    )
    parser.add_argument("receipt", type=Path, help="回执文件")
    parser.add_argument("files", type=Path, nargs="*", help="要核对的文件、信息包或目录")
    parser.add_argument("--seal", action="append", default=[], help="已登记的印章公钥（十六进制）")
    for option, explained in OPTIONS.items():
        parser.add_argument(option, type=Path, action="append", default=[], help=explained)
    parser.add_argument("--all", action="store_true", help="回执所列的必须齐全")
    parser.add_argument("--json", action="store_true", help="以 JSON 输出")
    given = parser.parse_args()
    try:
        authorities = read_authorities(given.trust, given.certificate, given.revoked)
    except (OSError, ValueError) as error:
        parser.exit(_MISUSED, f"读不出证书或吊销列表：{error}\n")
    if not has_sm3():
        sys.stderr.write(
            "这台电脑的 Python 没有 SM3，改用本程序自带的：结果一样，大的回执要慢一些。\n"
        )
    try:
        report = verify(
            given.receipt,
            given.files,
            seals={each.lower() for each in given.seal},
            needs_all=given.all,
            stamp_files=given.stamp,
            authorities=authorities,
        )
    except OSError as error:
        parser.exit(_MISUSED, f"读不出回执：{error}\n")
    text = json.dumps(report.to_wire(), ensure_ascii=False) if given.json else None
    sys.stdout.write((text or "\n".join(report.lines())) + "\n")
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
