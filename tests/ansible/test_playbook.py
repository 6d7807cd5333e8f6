"""The playbook is one that Ansible takes; what it does to a server is tried on a server."""

import os
import re
import ssl
import subprocess
import sys
from pathlib import Path

import jinja2
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
    for task in ("hub : The hub is founded", "nodes : The nodes answer", "proxy : nginx takes"):
        assert task in listed.stdout


def test_the_playbook_needs_nothing_beyond_ansible_core() -> None:
    for tasks in ANSIBLE.glob("roles/*/*/main.yml"):
        for task in yaml.safe_load(tasks.read_text(encoding="utf-8")) or []:
            modules = [key for key in task if "." in key] if isinstance(task, dict) else []
            assert all(each.startswith("ansible.builtin.") for each in modules), (tasks, task)


def test_the_proxy_speaks_strong_encryption_alone(tmp_path: Path) -> None:
    role = ANSIBLE / "roles/proxy"
    template = jinja2.Environment(autoescape=False).from_string(
        (role / "templates/danglian-proxy.conf").read_text(encoding="utf-8")
    )
    given = yaml.safe_load((role / "defaults/main.yml").read_text(encoding="utf-8"))
    given |= {"proxy_name": "hub.example", "proxy_resolver": "10.0.0.1", "hub_port": 8060}
    said = template.render(given)
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in said
    (ciphers,) = re.findall(r"ssl_ciphers (\S+);", said)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    for each in context.get_ciphers():
        assert each["aead"], each["name"]
        assert each["protocol"] == "TLSv1.3" or each["kea"] == "kx-ecdhe", each["name"]
    assert {"ssl_stapling on", "ssl_stapling_verify on"} <= set(re.findall(r"ssl_stap\w+ on", said))
    assert "return 301 https://" in said
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in said, "not what the client says"
    assert "ssl_stapling" not in template.render(given | {"proxy_resolver": ""})
