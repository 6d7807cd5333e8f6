"""What is weak at a hub and a node alike: the door, secrets in plain, files for everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.check_config import weak_settings
from node.office.places import NodeSettings
from shared.command.check_config import weak_everywhere, well_known_passwords
from shared.kernel.database import Database
from shared.kernel.errors import Unavailable
from shared.kernel.settings import load_settings

GOOD = {
    "name": "某局",
    "password_length": 12,
    "password_kinds": 3,
    "password_days": 90,
    "factor_for_administrators": True,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "node"
    (place / "keys").mkdir(parents=True)
    place.chmod(0o750)
    for name in ("device.key", "session.key"):
        (place / "keys" / name).write_text("x")
        (place / "keys" / name).chmod(0o600)
    (place / "keys" / "seal.public").write_text("for everybody")
    write(place, "")
    return place


def write(folder: Path, text: str) -> None:
    (folder / "settings.toml").write_text(text)
    (folder / "settings.toml").chmod(0o600)


def codes(folder: Path, **changes: Any) -> list[tuple[str, str]]:
    settings = NodeSettings(**{**GOOD, **changes})
    return [(each.code, each.setting) for each in weak_everywhere(settings, folder)]


def test_what_is_good_is_left_alone(folder: Path) -> None:
    assert codes(folder) == []


@pytest.mark.parametrize(
    ("code", "setting", "changes"),
    [
        ("proxies_passed_by", "proxies", {"proxies": 1, "host": "0.0.0.0"}),
        ("password_short", "password_length", {"password_length": 8}),
        ("password_simple", "password_kinds", {"password_kinds": 2}),
        ("password_kept", "password_days", {"password_days": 0}),
        (
            "factor_not_required",
            "factor_for_administrators",
            {"factor_for_administrators": False},
        ),
        ("lock_late", "lock_after", {"lock_after": 20}),
        ("decoder_unusable", "media_decoder", {"media_decoder": "/no/such/ffmpeg"}),
        ("sessions_long", "session_hours、idle_minutes", {"session_hours": 24}),
        ("sessions_long", "session_hours、idle_minutes", {"idle_minutes": 240}),
        (
            "limits_off",
            "requests_per_minute、address_requests_per_minute",
            {"address_requests_per_minute": 0},
        ),
    ],
)
def test_each_weakness_of_the_door_is_named(
    folder: Path, code: str, setting: str, changes: dict[str, Any]
) -> None:
    assert codes(folder, **changes) == [(code, setting)]


@pytest.mark.parametrize(
    ("setting", "written"),
    [
        ("broker_password", 'broker_password = "hush"'),
        ("store_secret_key", 'store_secret_key = "hush"'),
        ("second_store_secret_key", 'second_store_secret_key = "hush"'),
        ("database", 'database = "postgresql+psycopg://archives:hush@10.0.0.5/archives"'),
        ("link", 'link = "amqps://hub:hush@mq.example:5671/yichang"'),
    ],
)
def test_a_secret_in_the_settings_is_found_and_not_repeated(
    folder: Path, setting: str, written: str
) -> None:
    write(folder, written)
    assert codes(folder) == [("secret_in_settings", setting)]
    settings = NodeSettings(**GOOD)
    assert "hush" not in str([each.to_wire() for each in weak_everywhere(settings, folder)])
    write(folder, 'database = "postgresql+psycopg://archives@10.0.0.5/archives"')
    assert codes(folder) == []


@pytest.mark.parametrize(
    ("code", "path", "mode"),
    [
        ("folder_writable", ".", 0o777),
        ("folder_writable", ".", 0o770),
        ("folder_readable", ".", 0o755),
        ("settings_readable", "settings.toml", 0o644),
        ("key_readable", "keys/device.key", 0o640),
    ],
)
def test_files_for_everybody_are_found(folder: Path, code: str, path: str, mode: int) -> None:
    (folder / path).chmod(mode)
    assert codes(folder) == [(code, "")]


@pytest.mark.parametrize(
    ("code", "changes", "hub"),
    [
        ("pages_without_tls", {"host": "192.168.1.9"}, ""),
        ("signing_service_without_tls", {"seal_service": "http://seal.example/sign"}, ""),
        ("hub_without_tls", {}, "http://da.example"),
    ],
)
def test_what_leaves_a_node_in_plain_is_found(code: str, changes: dict[str, Any], hub: str) -> None:
    found = weak_settings(NodeSettings(**{**GOOD, **changes}), hub)
    assert [each.code for each in found] == [code]


def test_what_stays_on_this_machine_or_is_encrypted_is_left_alone() -> None:
    for service in ("", "unix:/run/seal.socket", "/usr/bin/sign --slot 1", "http://127.0.0.1:9/"):
        settings = NodeSettings(**GOOD, seal_service=service)
        assert list(weak_settings(settings, "https://da.example")) == []
    everywhere = NodeSettings(**GOOD, host="0.0.0.0")
    assert "hosts_unknown" in {each.code for each in weak_settings(everywhere, "")}


def test_passwords_that_could_not_be_checked_do_not_read_as_good() -> None:
    def away() -> Database:
        raise Unavailable("数据库不在。", "")

    (found,) = well_known_passwords(away, ["x"])
    assert found.code == "passwords_not_checked"


def test_a_secret_comes_from_the_file_that_a_variable_names(tmp_path: Path) -> None:
    from hub.federation.settings import HubSettings
    from shared.kernel.errors import Invalid

    (tmp_path / "settings.toml").write_text('name = "平台"\nhub_id = "h"\n')
    secret = tmp_path / "secret"
    secret.write_text("hush\n")
    named = {"DANGLIAN_BROKER_PASSWORD_FILE": str(secret)}
    settings = load_settings(HubSettings, tmp_path, named)
    assert settings.broker_password == "hush"
    assert "hush" not in repr(settings)
    plain = load_settings(HubSettings, tmp_path, named | {"DANGLIAN_BROKER_PASSWORD": "other"})
    assert plain.broker_password == "other", "what is nearer is meant"
    own = {"DANGLIAN_SSO_CLIENT_SECRET_FILE": "/run/secret"}
    assert load_settings(HubSettings, tmp_path, own).sso_client_secret_file == "/run/secret"
    with pytest.raises(Invalid, match="读不出来"):
        load_settings(HubSettings, tmp_path, {"DANGLIAN_STORE_SECRET_KEY_FILE": "/nowhere"})
