"""The portal alone: it serves in a network of its own, and nothing is there but the open."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from shared.records.record import Opening
from shared.records.security import SecurityClass
from shared.search import index_text

_PROBE = """
import json, subprocess, sys, urllib.request
with subprocess.Popen(
    [sys.executable, "-m", "shared.command", "portal", "run", "--dir", sys.argv[1], "--port", "0",
     "--json"], stdout=subprocess.PIPE, text=True,
) as portal:
    url = json.loads(portal.stdout.readline())["url"]
    try:
        with urllib.request.urlopen(url + "/?year=1990") as answer:
            print(json.dumps({"status": answer.status, "page": answer.read().decode()}))
    finally:
        portal.terminate()
"""
#: A network of its own, in which there is nothing but this machine's own address.
_ALONE = ("unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def _serve_alone(folder: Path) -> dict[str, Any]:
    """What the portal in this folder answers to a visitor, in a network of its own if possible."""
    probe = [sys.executable, "-c", _PROBE, str(folder)]
    possible = shutil.which("unshare") and shutil.which("ip")
    if possible and subprocess.run([*_ALONE, "true"], check=False).returncode == 0:
        probe = [*_ALONE, *probe]
    ran = subprocess.run(
        probe,
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    return json.loads(ran.stdout)


def _everything_in(folder: Path) -> bytes:
    """All bytes of a folder: its files, and its databases as they read."""
    content = bytearray()
    for path in sorted(folder.rglob("*")):
        content += str(path.relative_to(folder)).encode() + b"\n"
        if path.is_file():
            content += path.read_bytes()
        if path.suffix == ".sqlite":
            with closing(sqlite3.connect(path)) as database:
                content += "\n".join(database.iterdump()).encode()
    return bytes(content)


def test_the_portal_serves_with_the_hub_unplugged_and_holds_nothing_but_the_open(portal):
    archive, hub = portal.archive, portal.archive.city.folder
    (opened,) = archive.received(1, title="关于公布开放档案的通知")
    archive.receive(
        archive.record(title="关于封闭期内事项的通知甲", year=2024),
        archive.record(
            step=2, title="关于控制使用事项的通知乙", opening=Opening("controlled", "因故")
        ),
        archive.record(step=3, title="关于内部事项的通知丙", security=SecurityClass.INTERNAL),
        archive.record(step=4, title="关于没有意见事项的通知丁", opening=None),
        archive.record(step=5, title="关于撤回事项的通知戊"),
    )
    portal.carry()
    hidden = [each for each in archive.records if each.id != opened]
    archive.withdraw(hidden[-1].id)
    archive.correct(opened, title="关于公布第二批开放档案的通知")
    portal.carry()
    portal.folder.database.close()
    shutil.rmtree(portal.stick)
    hub.path.rename(hub.path.with_name("unplugged"))

    answer = _serve_alone(portal.folder.path)
    assert answer["status"] == 200
    assert "关于公布第二批开放档案的通知" in answer["page"]

    held = _everything_in(portal.folder.path)
    assert opened.encode() in held
    for record in hidden:
        for text in (record.title, record.code, record.doc_no, record.id):
            assert text.encode() not in held, text
        assert index_text([record.title]).encode() not in held
    assert "关于公布开放档案的通知".encode() not in held
    key = archive.city.key
    for secret in (key.secret, key.secret.hex().encode(), str(hub.path).encode()):
        assert secret not in held
    for address in (hub.address, f":{hub.settings.port}", hub.settings.link, "postgresql"):
        assert address.encode() not in held
    hub.path.with_name("unplugged").rename(hub.path)
