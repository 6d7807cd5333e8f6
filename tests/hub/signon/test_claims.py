"""What the claims of a person propose, and what logout tokens end."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.federation import service as federation
from hub.signon.claims import ClaimMapping, proposal, read_mapping
from hub.signon.provider import LoggedOut, Person, ProviderSettings
from hub.signon.service import account_of_person, take_logout
from shared.identity import SignInRefused, Visit, begin, set_grants
from shared.identity.grants import proposed_grants
from shared.identity.sessions import sessions_of
from shared.kernel.actor import Grant, Role
from shared.kernel.errors import Invalid
from tests.hub.signon.conftest import SYSTEM, SignOnCity

DUTIES = {"档案员": Role.CLERK, "接收": Role.ARCHIVIST, "管理": Role.SYSTEM_ADMINISTRATOR}


def test_unit_division_and_duty_propose_grants(city: SignOnCity) -> None:
    fonds = city.unit.fonds_id
    mapping = ClaimMapping(duties=DUTIES, units={"UNIT": f"fonds:{fonds}"})
    with city.hub.database().read() as session:
        archive = federation.city_archive(session).code
        for told, expected in (
            ({"unit_code": "UNIT", "duty": "档案员"}, [Grant(Role.CLERK, None, fonds)]),
            (
                {"division_code": "420500000000", "duty": ["接收", "档案员"]},
                [Grant(Role.ARCHIVIST, archive), Grant(Role.CLERK, None, fonds)],
            ),
            ({"division_code": "420500000000", "duty": "管理"}, []),
            ({"unit_code": "ANOTHER", "duty": "档案员"}, []),
            ({"unit_code": ["UNIT"], "duty": {"name": "档案员"}}, []),
            ({}, []),
        ):
            assert proposal(mapping, told, session) == expected


@pytest.mark.parametrize(
    "text",
    ["[claims]\nshoe = 'size'", "[duties]\n'档案员' = 'king'", "[units]\nX = 'f1'", "x = 1", "["],
)
def test_a_wrong_mapping_stops_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "claims.toml").write_text(text)
    with pytest.raises(Invalid):
        read_mapping(str(tmp_path / "claims.toml"))


@pytest.mark.parametrize(
    "wrong",
    [{"issuer": "http://id.example"}, {"scopes": "profile"}],
)
def test_a_service_is_reached_encrypted_and_asked_for_openid(wrong: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        ProviderSettings(**{"issuer": "https://id.example", "client_id": "x", **wrong})


def test_a_secret_is_read_from_its_file_and_told_to_nobody(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("very-secret\n")
    settings = ProviderSettings("https://id.example", "x", str(file))
    assert settings.secret == "very-secret"
    assert "very-secret" not in repr(settings)
    with pytest.raises(Invalid):
        _ = ProviderSettings("https://id.example", "x", str(tmp_path / "none")).secret


def test_the_first_sign_in_waits_and_a_logout_token_counts_once(city: SignOnCity) -> None:
    person = Person("sub-1", {"preferred_username": "li.si", "name": "李四"}, "sid-1", "token")
    issuer = "https://id.example"
    with city.hub.database().write() as session:
        account = account_of_person(person, issuer, ClaimMapping(), session=session)
        assert (account.login, account.name, account.waiting) == ("li.si", "李四", True)
        assert proposed_grants(account) == []
        visit = Visit(way="provider", provider_session="sid-1")
        with pytest.raises(SignInRefused) as refused:
            begin(account, visit, session=session)
        assert refused.value.code == "account_waiting"
        set_grants(SYSTEM, account, [Grant(Role.CLERK)],
                   session=session)  # fmt: skip
        assert account_of_person(person, issuer, ClaimMapping(), session=session) is account
        said = LoggedOut("jti-1", None, "sid-1")
        for expected in (1, 0):
            begin(account, visit, session=session)
            assert take_logout(issuer, said, session=session) == expected
        assert len(sessions_of(account.id, session)) == 1
        # A session that has ended here may live on at a node: that is told of, too.
        before = account.signed_out_at
        said = LoggedOut("jti-2", "sub-1", "long gone")
        assert take_logout(issuer, said, session=session) == 0
        assert account.signed_out_at != before
