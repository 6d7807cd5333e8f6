"""The city is founded: hub, archives' people, fonds, agreement, nodes, their people, enrolment.

Every step asks first whether it was done, so that founding can be broken off and repeated.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from shared.demo.city import (
    AGREEMENT_BASIS,
    CITY,
    HUB_NAME,
    HUB_PEOPLE,
    OFFICES,
    PASSWORD,
    RECEIVING_ARCHIVES,
    SHARED,
    SHARED_OF_CLOSED,
    SHARING_BASIS,
    YILING_ARCHIVE,
    Office,
    Person,
)
from shared.demo.commands import CommandFailed, Commands
from shared.demo.servers.stack import Stack
from shared.kernel.files import write_atomically
from shared.kernel.settings import change_settings

#: Written when `init` has ended: a folder without it is a half one, and nothing is in it yet.
_FOUNDED = "founded-by-demo"

Run = Callable[..., dict[str, Any]]


def found_hub(commands: Commands, folder: Path, port: int, stack: Stack | None) -> None:
    """Make the hub's folder, unless there is a whole one; on real servers when there are some.

    Raises Unavailable or CommandFailed when a server is away; then it is done again.
    """
    if _is_whole(folder):
        return
    if stack is not None:
        stack.empty()
    on = ["--database", stack.database] if stack is not None and stack.database else []
    commands(
        "hub", "init", "--dir", folder, "--name", HUB_NAME, "--city", CITY, "--port", str(port),
        "--admin-password", PASSWORD, *on,
    )  # fmt: skip
    if stack is not None:
        change_settings(folder, stack.settings)
        commands("hub", "broker", "declare", "--dir", folder)
    _mark(folder)


def found_archives(commands: Commands, folder: Path) -> None:
    """The archives' people, the agreement on central keeping, and every fonds."""
    there = _states(commands, "hub", folder)
    for person in HUB_PEOPLE:
        if person.login not in there:
            commands(
                "hub", "user", "add", "--dir", folder, "--login", person.login,
                "--name", person.name, "--role", person.role, "--archive", str(person.archive),
                "--password", PASSWORD, "--by-password", PASSWORD,
            )  # fmt: skip
    _grant(commands, "hub", folder, HUB_PEOPLE, there)
    try:
        commands(
            "hub", "agreement", "add", "--dir", folder, "--archive", YILING_ARCHIVE,
            "--basis", AGREEMENT_BASIS, "--since", "2020-01-01",
        )  # fmt: skip
    except CommandFailed as error:
        if error.code != "conflict":  # it stands already
            raise
    known = {each["name"] for each in commands("hub", "fonds", "list", "--dir", folder)["fonds"]}
    for office in OFFICES:
        for fonds in office.fonds:
            if fonds.name not in known:
                commands(
                    "hub", "fonds", "add", "--dir", folder, "--name", fonds.name,
                    "--division", fonds.division, "--number", fonds.number,
                )  # fmt: skip


def found_sharing(commands: Commands, folder: Path) -> None:
    """What the archives that receive share with the provincial platform, unless they have said."""
    policies = commands("hub", "sharing", "list", "--dir", folder)["policies"]
    known = {(each["archive"], each["audience"]) for each in policies}
    fields = [argument for each in SHARED for argument in ("--field", each)]
    of_closed = [argument for each in SHARED_OF_CLOSED for argument in ("--closed-field", each)]
    for archive in RECEIVING_ARCHIVES:
        if (archive, "government") not in known:
            commands(
                "hub", "sharing", "set", "--dir", folder, "--archive", archive,
                "--audience", "government", *fields, *of_closed, "--basis", SHARING_BASIS,
            )  # fmt: skip


def found_node(commands: Commands, office: Office, folder: Path, port: int) -> None:
    """Make a node's folder, unless there is a whole one."""
    if _is_whole(folder):
        return
    commands(
        "node", "init", "--dir", folder, "--name", office.name, "--slug", office.slug,
        "--port", str(port), "--admin-password", PASSWORD,
    )  # fmt: skip
    _mark(folder)


def enrol_node(
    commands: Commands, office: Office, folder: Path, *, hub: Commands, hub_folder: Path, url: str
) -> None:
    """Invite a node and enrol it, unless it is enrolled; `hub` asks on the hub's side."""
    if commands("node", "status", "--dir", folder)["state"] != "unenrolled":
        return
    nodes = hub("hub", "node", "list", "--dir", hub_folder)["nodes"]
    node_id = next((each["node_id"] for each in nodes if each["name"] == office.name), None)
    if node_id is None:
        fonds = hub("hub", "fonds", "list", "--dir", hub_folder)["fonds"]
        wanted = {each.name for each in office.fonds}
        ids = [each["fonds_id"] for each in fonds if each["name"] in wanted]
        named = [argument for each in ids for argument in ("--fonds", each)]
        invitation = hub(
            "hub", "node", "add", "--dir", hub_folder, "--name", office.name,
            "--division", office.division, *named,
        )  # fmt: skip
    else:
        # It was invited before, but the code was shown once only.
        invitation = hub("hub", "node", "code", node_id, "--dir", hub_folder)
    commands("node", "enrol", "--dir", folder, "--hub", url, "--code", invitation["code"])


def found_people(commands: Commands, office: Office, folder: Path) -> None:
    """The accounts of an office, once its fonds are known there."""
    there = _states(commands, "node", folder)
    for person in office.people:
        if person.login not in there:
            commands(
                "node", "user", "add", "--dir", folder, "--login", person.login,
                "--name", person.name, "--role", person.role, *_scope(office, person),
                "--password", PASSWORD, "--by-password", PASSWORD,
            )  # fmt: skip
    _grant(commands, "node", folder, office.people, there)


def _states(commands: Commands, side: str, folder: Path) -> dict[str, str]:
    """The accounts that there are, each with how it stands."""
    users = commands(side, "user", "list", "--dir", folder)["users"]
    return {each["login"]: each["state"] for each in users}


def _grant(
    commands: Commands, side: str, folder: Path, people: Sequence[Person], there: dict[str, str]
) -> None:
    """The second step: 安全保密管理员 grants what was asked for, to all who wait for it."""
    logins = [each.login for each in people if there.get(each.login, "waiting") == "waiting"]
    if logins:
        commands(side, "user", "grant", "--dir", folder, *logins, "--by-password", PASSWORD)


def _scope(office: Office, person: Person) -> list[str]:
    """A village's clerk sees the village's fonds only; the township's people see all of them."""
    own = next(each for each in office.fonds if each.name == person.fonds)
    return [] if own is office.fonds[0] else ["--fonds", own.number]


def _is_whole(folder: Path) -> bool:
    if (folder / _FOUNDED).exists():
        return True
    if folder.exists():
        shutil.rmtree(folder)
    return False


def _mark(folder: Path) -> None:
    write_atomically(folder / _FOUNDED, b"")
