"""The playbook is one that Ansible takes; what it does to a server is tried on a server."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

ANSIBLE = Path(__file__).resolve().parents[2] / "ansible"


def _playbook(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(str(Path(sys.executable).with_name("ansible-playbook")), "site.yml"),
            *("--inventory", "inventory.example.yml", *arguments),
        ],
        cwd=ANSIBLE,
        env={**os.environ, "ANSIBLE_HOME": str(home), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_ansible_takes_the_playbook_with_the_example_inventory(tmp_path: Path) -> None:
    checked = _playbook("--syntax-check", home=tmp_path)
    assert checked.returncode == 0, checked.stderr
    listed = _playbook("--list-tasks", home=tmp_path)
    assert listed.returncode == 0, listed.stderr
    for task in ("hub : The hub is founded", "nodes : The nodes answer"):
        assert task in listed.stdout


def test_the_playbook_needs_nothing_beyond_ansible_core() -> None:
    for tasks in ANSIBLE.glob("roles/*/*/main.yml"):
        for task in yaml.safe_load(tasks.read_text(encoding="utf-8")) or []:
            modules = [key for key in task if "." in key] if isinstance(task, dict) else []
            assert all(each.startswith("ansible.builtin.") for each in modules), (tasks, task)
