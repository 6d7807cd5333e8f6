"""`danglian seals`: the seals and signatures inside documents, judged; no data folder."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared.command.main import json_option, show
from shared.command.verify import authorities_of, files_option
from shared.storage.temporary import telling_of_trouble

if TYPE_CHECKING:
    from shared.seals import Seal, Trust

#: Exit codes, as of `danglian verify`: something was changed; or nothing proves who sealed.
_ALTERED, _UNPROVEN = 1, 3
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("files", type=_FILE, nargs=-1, required=True)
@files_option("--trust", "trusted")
@files_option("--certificate", "others")
@files_option("--revoked", "revoked")
@click.option(
    "--received",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]),
    help="已证实在什么时候收到（如接收凭证的时间戳）：证书后来到期或吊销的，按那时判断。",
)
@json_option
def seals(
    files: Sequence[Path],
    *,
    trusted: Sequence[Path],
    others: Sequence[Path],
    revoked: Sequence[Path],
    received: datetime | None,
    as_json: bool,
) -> None:
    """查验 OFD、PDF 文件里的每个电子签章和数字签名。

    退出码：0 都有签章，而且都有效；1 有被改动的；3 没有改动，但有的没有签章，或还不能证明是谁的。
    """
    from shared.seals import Trust

    proven = (received.replace(tzinfo=UTC),) if received else ()
    trust = Trust(authorities_of(trusted, others, revoked), proven)
    with telling_of_trouble():
        judged = {path: _judged(path, trust) for path in files}
    wire = {
        "files": [
            {
                "name": str(path),
                "verdict": _verdict(found),
                "seals": [each.to_wire() for each in found],
            }
            for path, found in judged.items()
        ]
    }
    lines = [line for path, found in judged.items() for line in _lines(path, found)]
    show(wire, as_json=as_json, sentence="\n".join(lines))
    sys.exit(_exit_code(_verdict(found) for found in judged.values()))


def _judged(path: Path, trust: Trust) -> tuple[Seal, ...]:
    from shared.inspection.formats import identify
    from shared.kernel.errors import Invalid
    from shared.seals import may_have_seals, seals_of

    with path.open("rb") as stream:
        kind = identify(stream)
        if kind is None or not may_have_seals(kind.code):
            raise Invalid(
                "file",
                f"“{path.name}”不是 OFD 或 PDF 文件。",
                "签章只在 OFD、PDF 文件里查验；信息包请用 danglian package verify。",
                code="file_without_seals",
            )
        return seals_of(kind.code, stream, trust)


def _verdict(found: Sequence[Seal]) -> str:
    from shared.seals import ABSENT
    from shared.seals.seal import worst

    return worst(each.verdict for each in found).value if found else ABSENT


def _exit_code(verdicts: Iterable[str]) -> int:
    from shared.seals import Verdict

    said = set(verdicts)
    if Verdict.ALTERED in said:
        return _ALTERED
    return 0 if said <= {Verdict.VALID, Verdict.VALID_AT_RECEIPT} else _UNPROVEN


def _lines(path: Path, found: Sequence[Seal]) -> list[str]:
    from shared.kernel.clock import local_text
    from shared.seals import VERDICT_NAMES

    if not found:
        return [f"{path}：没有签章"]
    lines = [f"{path}：{len(found)} 个签章"]
    for each in found:
        who = "，".join(filter(None, (each.name, each.signer)))
        when = f"，所写时间 {local_text(each.signed_at)}" if each.signed_at else ""
        lines.append(
            f"  {VERDICT_NAMES[each.verdict]}：{who or '不知道是谁的'}{when}（{each.where}）"
        )
        lines += [f"    {said.problem}{said.remedy}（{said.where}）" for said in each.findings]
    return lines
