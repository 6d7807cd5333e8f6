"""What a hub's settings are found to be weak in; and that good ones are found to be good."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from hub.federation.settings import HubSettings
from hub.health.check_config import weak_settings
from shared.command.main import danglian
from shared.demo.city import PASSWORD
from shared.kernel.actor import Grant, Role
from shared.kernel.settings import change_settings
from tests.people import employ

GOOD = HubSettings(
    name="平台",
    hub_id="h",
    public_url="https://da.example",
    link="amqps://mq.example:5671/yichang",
    broker_management="https://mq.example:15671",
    database="postgresql+psycopg://archives@10.0.0.5/archives?sslmode=verify-full",
    store="s3://store.example:8333/archives",
    clamd="unix:/run/clamav/clamd.ctl",
)


def codes(**changes: Any) -> set[tuple[str, str]]:
    return {(each.code, each.setting) for each in weak_settings(replace(GOOD, **changes))}


def test_good_settings_are_found_to_be_good() -> None:
    assert codes() == set()
    assert codes(database="", store="", second_store="/srv/second", link="embedded:///x") == set()
    on_this_machine = {
        "link": "amqp://127.0.0.1/v",
        "broker_management": "http://localhost:15672",
        "database": "postgresql+psycopg://archives@/archives",
        "store": "s3+http://127.0.0.1:8333/a",
        "clamd": "tcp://127.0.0.1:3310",
        "public_url": "http://127.0.0.1:8060",
    }
    assert codes(**on_this_machine) == set()


@pytest.mark.parametrize(
    ("code", "setting", "changes"),
    [
        ("pages_without_tls", "public_url", {"public_url": "http://da.example"}),
        ("pages_without_tls", "public_url", {"public_url": "", "host": "10.0.0.2"}),
        ("broker_without_tls", "link", {"link": "amqp://mq.example:5672/yichang"}),
        ("broker_without_tls", "node_link", {"node_link": "amqp://mq.example/yichang"}),
        ("broker_without_tls", "broker_management", {"broker_management": "http://mq.example"}),
        ("database_without_tls", "database", {"database": "postgresql+psycopg://a@10.0.0.5/a"}),
        (
            "database_without_tls",
            "database",
            {"database": "postgresql+psycopg://a@10.0.0.5/a?sslmode=prefer"},
        ),
        ("store_without_tls", "store", {"store": "s3+http://store.example:8333/a"}),
        ("store_without_tls", "second_store", {"second_store": "s3+http://store.example:8333/a"}),
        ("grants_automatic", "grant_policy", {"grant_policy": "auto"}),
        ("scanner_not_set", "clamd", {"clamd": ""}),
        ("scanner_without_tls", "clamd", {"clamd": "tcp://10.0.0.9:3310"}),
    ],
)
def test_each_weak_setting_is_named(code: str, setting: str, changes: dict[str, Any]) -> None:
    assert codes(**changes) == {(code, setting)}


def test_a_hub_on_every_address_says_under_which_name() -> None:
    bare = {"public_url": "", "host": "0.0.0.0"}
    assert ("hosts_unknown", "hosts") in codes(**bare)
    assert ("hosts_unknown", "hosts") not in codes(**bare, hosts="10.0.0.2")


def test_a_secret_of_the_identity_service_is_for_the_hub_alone(tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o644)
    assert codes(sso_client_secret_file=str(secret)) == {
        ("secret_file_readable", "sso_client_secret_file")
    }
    secret.chmod(0o600)
    assert codes(sso_client_secret_file=str(secret)) == set()


def test_the_command_reads_settings_files_and_passwords(city: Any) -> None:
    def found() -> tuple[int, list[tuple[str, str]]]:
        asked = ["hub", "check-config", "--dir", str(city.folder.path), "--json"]
        answer = CliRunner().invoke(danglian, asked)
        told = json.loads(answer.output)["findings"]
        assert all(each["problem"] and each["remedy"] for each in told)
        return answer.exit_code, [(each["code"], each["setting"]) for each in told]

    good = {"clamd": GOOD.clamd, "password_length": 12, "factor_for_administrators": True}
    good |= {"password_kinds": 3, "password_days": 90}
    change_settings(city.folder.path, good)
    for path in (city.folder.path, *city.folder.path.glob("keys/*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    with city.database.write() as session:
        for login, password in (("good", "Dangan-2024-ceshi"), ("gone", PASSWORD)):
            grants = [Grant(Role.SYSTEM_ADMINISTRATOR)]
            account = employ(login, login, password, grants, session=session)
        account.disabled = True
    assert found() == (0, [])

    with city.database.write() as session:
        grants = [Grant(Role.AUDITOR)]
        employ("boss", "主管", PASSWORD, grants, session=session)
    change_settings(city.folder.path, {"broker_password": "hush"})
    city.folder.path.chmod(0o755)
    (city.folder.path / "keys" / "hub.key").chmod(0o644)
    assert found() == (
        1,
        [
            ("secret_in_settings", "broker_password"),
            ("folder_readable", ""),
            ("key_readable", ""),
            ("known_password", ""),
        ],
    )
