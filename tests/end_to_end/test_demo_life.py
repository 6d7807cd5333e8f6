"""The demo as people meet it: it says when it is ready, goes on, and leaves nothing behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.city import base_port, wait_for
from tests.processes import running_on

pytestmark = pytest.mark.timeout(240)


class Demo:
    """`danglian demo` in a process group of its own, as in a terminal."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self._log = folder.parent / "demo.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "shared.command", "demo", "--dir", str(folder)),
                    *("--records", "24", "--port", str(base_port()), *arguments),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )

    def ready(self) -> list[dict[str, Any]]:
        """Wait for the JSON line that names the places."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.said()
        places: list[dict[str, Any]] = json.loads(line)["places"]
        return places

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def children(self) -> list[int]:
        """Processes that work on this folder, the demo itself left out."""
        locks = self.folder.glob("**/run.lock")
        found = [running_on(lock.parent) for lock in locks if lock.parent != self.folder]
        return [pid for pid in found if pid is not None]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("life") / "demo-city"


@pytest.fixture
def demo(folder: Path) -> Iterator[Demo]:
    """A demo that is ready; the later ones go on with the folder of the first."""
    started = Demo(folder, "--json")
    try:
        yield started
    finally:
        started.end()
        wait_for(lambda: not started.children(), "the processes end", 40)


def test_it_says_when_it_is_ready_and_every_place_answers(demo: Demo) -> None:
    places = demo.ready()
    assert [place["slug"] for place in places] == [
        "hub", "minzheng", "shuili", "fenxiang", "dongshi",
    ]  # fmt: skip
    for place in places:
        page = requests.get(place["url"], timeout=10)
        assert page.status_code == 200
        assert place["people"]
        for person in place["people"]:
            signed_in = requests.post(
                f"{place['url']}/api/v1/sign_in",
                json={"login": person["login"], "password": "yichang-2024"},
                timeout=20,
            )
            assert signed_in.ok, (place["name"], person, signed_in.text)

    # A second one on the same folder is refused, with the reason.
    second = subprocess.run(
        [sys.executable, "-m", "shared.command", "demo", "--dir", str(demo.folder), "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert second.returncode != 0
    assert json.loads(second.stdout)["code"] == "folder_in_use"

    assert len(demo.children()) == 5
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(30) == 0
    assert demo.children() == []


def test_it_goes_on_where_it_was_and_starts_killed_processes_again(demo: Demo) -> None:
    places = demo.ready()
    assert not re.search("导入|定号|建立第", demo.said()), "everything was there"
    before = set(demo.children())
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(set(demo.children()) - before) == 5, "five new processes", 60)
    for place in places:
        wait_for(lambda url=place["url"]: _answers(url), f"{place['name']} answers again", 60)
    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(30) == 0
    assert demo.children() == []


@pytest.mark.at_length
def test_its_processes_end_when_it_is_killed(demo: Demo) -> None:
    demo.ready()
    assert len(demo.children()) == 5
    os.kill(demo.process.pid, signal.SIGKILL)
    demo.process.wait()
    wait_for(lambda: not demo.children(), "the processes notice that nobody is there", 30)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("not a city", encoding="utf-8")
    start = time.monotonic()
    refused = subprocess.run(
        [sys.executable, "-m", "shared.command", "demo", "--dir", str(tmp_path), "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert refused.returncode != 0
    assert "不是空文件夹" in json.loads(refused.stdout)["problem"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letters.txt", "run.lock"]
    assert time.monotonic() - start < 30


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=3).ok
    except requests.RequestException:
        return False
