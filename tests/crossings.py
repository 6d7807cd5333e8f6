"""The matrix of who may not: every route of an app, asked by people whom a thing is not for.

A side (hub, node) says in tables where each of its routes belongs; the matrix asks them all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from flask import Flask
from werkzeug.routing import Rule

from shared.identity import access_of
from shared.identity.current import LOADER
from shared.kernel.actor import Actor, Role
from shared.kernel.identifiers import new_id
from shared.web.accounts.ways import POLICY_NAME

#: Without a sign-in, and about nobody's records: a password, a code, a signature is asked for.
DOORS = {
    "accounts.sign_in", "accounts.second_factor", "accounts.sign_out", "accounts_api.api_sign_in",
    "health", "session_state", "reference.index", "reference.group",
}  # fmt: skip

#: About whoever asks, or about what is no unit's own.
OWN = {
    "accounts.password", "accounts.strength",
    "accounts.factors", "accounts.remove_factor", "accounts.add_app",
    "accounts.add_key", "accounts.key_options", "accounts.recovery_codes", "accounts.sessions",
    "accounts.end_sessions", "accounts_api.api_sign_out", "api-docs.openapi_json", "static",
    "acts.index", "acts.confirm", "acts.refuse",
}  # fmt: skip

#: For administrators of everything: no grant within one archive or fonds does.
OF_ALL = {
    "accounts.index", "accounts.new", "accounts.edit", "accounts.set_state", "accounts.reset",
    "accounts.ask_opening", "accounts.open_emergency", "accounts.seal", "accounts.reset_factors",
    "accounts.end_sessions_of", "audit_log.index", "audit_log.export", "audit_log.settle",
    "audit_log.verify", "audit_log.of", "audit_log.statistics", "audit_log.archived",
    "audit_log.witnesses", "audit_log.member",
    "audit_log.archived_file", "accounts.unlock", "accounts.propose", "accounts.link",
    "accounts.systems_index", "accounts.access_key", "accounts.issue_access_key",
    "accounts.revoke_access_key",
}  # fmt: skip


class Thing(NamedTuple):
    """A route about one thing: to strangers it is not there.

    `named` says which thing each parameter of the route names (a key of `Matrix.things`; what is
    not one of these stands as it is), `form` what a good request sends (`@name` is a thing).
    """

    named: Mapping[str, str]
    form: Any = None
    #: 422 where the form is read first, so that it tells nothing either.
    status: int = 404


@dataclass
class Matrix:
    """The routes of an app by where they belong, and the things that strangers ask for.

    `lists` are filtered in the query; they name what to narrow to. `secrets` are words that no
    answer to a stranger may have. `unknown` are names that nothing has, where an id would not do.
    """

    app: Flask
    things: Mapping[str, str]
    secrets: Collection[str]
    doors: set[str]
    own: set[str]
    of_all: set[str]
    by_token: Mapping[str, Mapping[str, str]]
    lists: Mapping[str, Mapping[str, str]]
    about: Mapping[str, Thing]
    unknown: Mapping[str, str] = field(default_factory=dict)
    actor: Actor | None = None

    def __post_init__(self) -> None:
        self.app.extensions[LOADER] = lambda: self.actor
        policy = self.app.extensions[POLICY_NAME]
        self.app.extensions[POLICY_NAME] = replace(
            policy, requests_per_minute=0, address_requests_per_minute=0, changes_per_minute=0
        )
        self.app.config["WTF_CSRF_METHODS"] = ()  # forms are sent without having been opened

    def out_of_place(self) -> set[str]:
        """Routes that no table has, or two; names that are no route; doors that are not said."""
        places = [
            *(self.doors, self.own, self.of_all),
            *(set(each) for each in (self.by_token, self.lists, self.about)),
        ]
        named = [endpoint for place in places for endpoint in place]
        endpoints = {rule.endpoint for rule, _ in self.routes()}
        twice = {each for each in named if named.count(each) > 1}
        public = {rule.endpoint for rule, method in self.routes() if self._access(rule, method)[0]}
        return (endpoints ^ set(named)) | twice | (public ^ (self.doors | set(self.by_token)))

    def routes(self) -> Iterator[tuple[Rule, str]]:
        """Every route with each of its methods."""
        for rule in self.app.url_map.iter_rules():
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method

    def crossings(self, stranger: Actor | None) -> list[str]:
        """What is wrong with the answers to a stranger, or to nobody."""
        self.actor = stranger
        who = "nobody" if stranger is None else "、".join(each.role for each in stranger.grants)
        return [
            f"{who}: {method} {rule.rule}: {said}"
            for rule, method in self.routes()
            if (said := self._crossing(rule, method))
        ]

    def _crossing(self, rule: Rule, method: str) -> str:
        endpoint = rule.endpoint
        if endpoint in self.doors | self.own:
            return ""
        if endpoint in self.by_token:
            status, _ = self._ask(rule, method, self.by_token[endpoint])
            return "" if status in (401, 403, 404, 422) else str(status)
        if self.actor is None or endpoint in self.of_all:
            thing = self.about.get(endpoint)
            named = thing.named if thing else {name: _any(rule, name) for name in rule.arguments}
            status, _ = self._ask(rule, method, named)
            wanted = 401 if self.actor is None else 403
            return "" if status == wanted else f"{status} instead of {wanted}"
        _, roles = self._access(rule, method)
        allowed = (not roles or self.actor.has(*roles)) and not (
            self.actor.is_system_elsewhere and not _is_api(rule)
        )
        if endpoint in self.lists:
            status, text = self._ask(rule, method, self.lists[endpoint])
            wanted = 200 if allowed else 403
            if status != wanted and (method == "GET" or not allowed):
                return f"{status} instead of {wanted}"
            return self._told(text)
        return self._of_thing(self.about[endpoint], rule, method, allowed=allowed)

    def _of_thing(self, thing: Thing, rule: Rule, method: str, *, allowed: bool) -> str:
        status, text = answer = self._ask(rule, method, thing.named, thing.form)
        if told := self._told(text):
            return told
        wanted = thing.status if allowed else 403
        if status != wanted:
            return f"{status} instead of {wanted}: {text[:90]}"
        if not allowed:
            return ""
        nothing = self._ask(rule, method, thing.named, thing.form, real=False)
        return "" if answer == nothing else f"unlike what is not there: {text} {nothing}"

    def _ask(
        self, rule: Rule, method: str, named: Mapping[str, str], form: Any = None, *,
        real: bool = True,
    ) -> tuple[int, str]:  # fmt: skip
        """The status and the text of an answer about the things, or about some there are not."""
        things = {
            name: each if real else self.unknown.get(name, new_id())
            for name, each in self.things.items()
        }
        values = {parameter: things.get(name, name) for parameter, name in named.items()}
        if isinstance(form, dict):
            form = {name: _filled(value, things) for name, value in form.items()}
        path = self.app.url_map.bind("localhost").build(rule.endpoint, values, method=method)
        sent = (
            {"json" if _is_api(rule) else "data": {} if form is None else form}
            if method != "GET"
            else {}
        )
        with self.app.test_client() as client:
            answer = client.open(
                path, method=method, headers={"Accept": "application/json"}, **sent
            )
            return answer.status_code, answer.get_data(as_text=True)

    def _told(self, text: str) -> str:
        return next((f"tells {secret}" for secret in self.secrets if secret in text), "")

    def _access(self, rule: Rule, method: str) -> tuple[bool, tuple[Role, ...]]:
        view = self.app.view_functions[rule.endpoint]
        view_class = getattr(view, "view_class", None)
        access = access_of(getattr(view_class, method.lower(), view) if view_class else view)
        return access.public, access.roles


def _any(rule: Rule, parameter: str) -> str:
    """Something that a parameter may be."""
    return "1" if f"<int:{parameter}>" in rule.rule else new_id()


def _filled(value: Any, things: Mapping[str, str]) -> Any:
    """A value of a form in which `@name` stands for a thing."""
    if not isinstance(value, str):
        return value
    return re.sub(r"@(\w+)", lambda found: things[found[1]], value)


def _is_api(rule: Rule) -> bool:
    return rule.rule.startswith("/api/")
