"""How a node comes to its account on the broker, and keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.office.places import NodeFolder, NodeSettings
from node.office.service import office_of, open_office
from node.sync.line import Line, fetch_account
from shared.kernel.errors import Unavailable
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey
from shared.kernel.settings import save_settings

NOWHERE = "amqps://localhost:9/town"


def _node(path: Path, hub_url: str) -> NodeFolder:
    save_settings(NodeSettings(name="分乡镇档案室", hub_url=hub_url), path)
    folder = NodeFolder(path)
    with folder.database().write() as session:
        open_office("分乡镇档案室", session=session)
        office = office_of(session)
        office.node_id, office.hub_id = new_id(), new_id()
        office.hub_public_key = SigningKey.generate().public.hex
    return folder


@pytest.fixture
def node(tmp_path: Path) -> NodeFolder:
    """A node whose hub is away."""
    return _node(tmp_path, "http://localhost:9")


def _keep(node: NodeFolder, content: str) -> None:
    kept = node.path / "keys" / "link.json"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(content)


def test_an_account_is_never_asked_for_over_an_open_line(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="https"):
        fetch_account(_node(tmp_path, "http://hub.example"))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"link": 5}', '{"user": "x"}'])
def test_a_damaged_file_is_as_good_as_none(node: NodeFolder, content: str) -> None:
    _keep(node, content)
    with pytest.raises(Unavailable, match="平台"):
        Line(node).open(NOWHERE, new_id())


def test_while_the_hub_is_away_a_known_account_is_used_unless_it_was_refused(
    node: NodeFolder,
) -> None:
    _keep(node, json.dumps({"link": NOWHERE, "user": "u", "password": "p", "ca": ""}))
    line = Line(node)
    line.open(NOWHERE, new_id()).close()
    line.distrust(refused=False)
    line.open(NOWHERE, new_id()).close()
    line.distrust(refused=True)
    with pytest.raises(Unavailable, match="平台"):
        line.open(NOWHERE, new_id())


def test_a_link_that_was_silent_for_long_is_asked_about(node: NodeFolder) -> None:
    moment = 0.0
    line = Line(node, clock=lambda: moment)
    moment = 500.0
    assert not line.silent
    line.answered()
    moment = 1000.0
    assert not line.silent
    moment = 1200.0
    assert line.silent
