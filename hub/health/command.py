"""`danglian hub doctor`: what is stuck, and the command that frees it."""

from __future__ import annotations

from pathlib import Path

import click

from hub.federation.commands import folder_option
from hub.federation.places import HubFolder
from hub.health.doctor import examine
from shared.command.main import json_option, show_table


@click.command("doctor")
@folder_option
@json_option
def doctor_command(folder: Path, as_json: bool) -> None:
    """检查平台：每个卡住的地方，以及解开它的命令。"""
    findings = [finding.to_wire() for finding in examine(HubFolder(folder))]
    show_table(
        findings,
        {"code": "代号", "problem": "情况", "remedy": "怎么办"},
        as_json=as_json,
        title="检查结果" if findings else "没有发现问题",
        key="findings",
    )
