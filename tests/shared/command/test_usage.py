"""A call that is wrong: a Chinese sentence, or JSON with `--json`; then nothing is ever asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from shared.command.main import danglian


def call(*arguments: object, code: int = 2, answers: str | None = None) -> Any:
    result = CliRunner().invoke(danglian, list(map(str, arguments)), input=answers)
    assert result.exit_code == code, result.output
    return result


def problem(*arguments: object) -> dict[str, Any]:
    said = call(*arguments)
    assert said.stderr == ""
    return dict(json.loads(said.stdout))


@pytest.mark.parametrize(
    ("arguments", "field", "sentence"),
    [
        (("node", "statsu"), None, "没有命令“statsu”"),
        (("nodee",), None, "没有命令“nodee”"),
        (("node", "status"), "dir", "缺少选项“--dir”（节点的数据目录）"),
        (("node", "status", "--dri", "x"), "dri", "没有选项“--dri”"),
        (("node", "status", "--dir", "x", "more"), None, "多写了“more”"),
        (("node", "file", "void", "--dir", "x", "--reason", "y"), "record_id", "缺少“RECORD_ID”"),
        (("node", "file", "close", "--dir", "x", "--year", "今年"), "year", "应为整数"),
        (("node", "file", "list", "--dir", "x", "--state", "old"), "state", "可用 collected"),
        (("node", "file", "order", "a", "--dir", "x", "--to", "0"), "to", "不小于 1"),
        (("node", "file", "void", "--json", "a", "--dir"), "dir", "选项“--dir”的写法不对"),
        (("hub", "agreement", "add", "--dir", "x", "--since", "x"), "since", "应为日期"),
        (("node", "import", "没有.csv", "--dir", "x"), "file", "没有这个文件"),
    ],
)
def test_a_wrong_call_is_json_when_json_is_asked_for(
    arguments: tuple[str, ...], field: str | None, sentence: str
) -> None:
    said = problem(*arguments) if "--json" in arguments else problem(*arguments, "--json")
    assert (said["code"], said["field"]) == ("usage", field)
    assert sentence in said["problem"]
    assert "--help" in said["remedy"]


def test_without_json_a_wrong_call_is_a_sentence_for_people() -> None:
    said = call("node", "status", "--dri", "x")
    assert said.stdout == ""
    assert (
        said.stderr == "错误：没有选项“--dri”。是不是 --dir？写法见 danglian node status --help。\n"
    )
    assert "Commands" in call("node").output


@pytest.mark.parametrize("place", [0, -1])
def test_with_json_a_password_is_never_asked_for(tmp_path: Path, place: int) -> None:
    arguments = ["user", "password", "li", "--dir", str(tmp_path)]
    arguments.insert(len(arguments) if place else 3, "--json")
    result = call("node", *arguments, answers="danglian-2024\ndanglian-2024\n")
    said = json.loads(result.stdout)
    assert (said["code"], said["field"]) == ("usage", "password")
    assert "不会询问" in said["problem"]


def test_without_json_a_missing_password_is_asked_for_and_may_be_given_up(tmp_path: Path) -> None:
    result = call("node", "user", "password", "li", "--dir", tmp_path, answers="", code=1)
    assert "密码" in result.output
    assert "命令已中断" in result.stderr
