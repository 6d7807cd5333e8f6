"""Single commands of the demo: many side by side, and an end when the demo ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.demo.commands import CommandFailed, Commands, Stopped
from shared.kernel.errors import Conflict
from shared.kernel.files import folder_lock
from tests.city import wait_for

RUNS_FOR_EVER = """
import sys
from shared.demo.commands import Commands

if __name__ == "__main__":
    Commands()("node", "run", "--dir", sys.argv[1], "--port", "0")
"""


@pytest.fixture
def node(tmp_path: Path) -> Path:
    folder = tmp_path / "node"
    Commands()(
        *("node", "init", "--dir", folder, "--name", "分乡镇综合档案室"),
        *("--admin-password", "yichang-2024"),
    )
    return folder


def holder(node: Path) -> str:
    """Who says to hold the folder now."""
    lock = node / "run.lock"
    return lock.read_text(encoding="utf-8") if lock.exists() else ""


def is_free(node: Path) -> bool:
    try:
        with folder_lock(node, "test"):
            return True
    except Conflict:
        return False


def test_side_by_side_each_hears_its_own_answer(node: Path) -> None:
    def ask(number: int) -> None:
        run = Commands()
        for _ in range(5):
            if number % 2:
                assert run("node", "status", "--dir", node)["name"] == "分乡镇综合档案室"
            else:
                with pytest.raises(CommandFailed) as failed:
                    run("node", "status", "--no-such-option")
                assert failed.value.exit_code == 2

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(ask, range(6)))


def test_a_running_command_ends_when_the_demo_stops(node: Path) -> None:
    run, before = Commands(), holder(node)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, "node", "run", "--dir", node, "--port", "0")
        wait_for(lambda: holder(node) != before, "the node runs")
        run.stop()
        with pytest.raises(Stopped):
            running.result(60)
    assert is_free(node)
    with pytest.raises(Stopped):
        run("node", "status", "--dir", node)


def test_a_running_command_ends_when_the_demo_is_killed(node: Path) -> None:
    before = holder(node)
    demo = subprocess.Popen([sys.executable, "-c", RUNS_FOR_EVER, node])
    wait_for(lambda: holder(node) != before, "the node runs")
    os.kill(demo.pid, signal.SIGKILL)
    demo.wait()
    wait_for(lambda: is_free(node), "the node ends")
