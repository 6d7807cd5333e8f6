"""The archives' people at the hub's web interface: they review, sign, receive and correct."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import requests

from shared.demo.city import HUB_PEOPLE, OFFICES, PASSWORD, FondsPlan
from shared.demo.goals import Goal, Goals, verdict_on

_TIMEOUT = (3, 60)
#: Every second record of a returned batch gets a reason of its own; every third of a batch whose
#: form is corrected is left out of it.
_REASONS = (
    {
        "field": "pages",
        "problem": "页数与文件不符。",
        "remedy": "请核对文件后改正页数。",
        "code": "reviewer",
    },
    {
        "field": "remark",
        "problem": "缺少附件情况说明。",
        "remedy": "请在备注中写明附件是否齐全。",
        "code": "reviewer",
    },
)


class Desk:
    """The desks of all archives; `step` does what can be done now."""

    def __init__(self, url: Callable[[], str], say: Callable[[str, str], None], goals: Goals):
        self._url = url
        self._say = say
        self._goals = goals
        self._http = requests.Session()
        self._http.trust_env = False  # the hub is on this machine: no proxy stands between
        self._tokens: dict[str, str] = {}
        self._fonds = {each.name: each for office in OFFICES for each in office.fonds}
        self._lock = threading.Lock()

    def step(self) -> bool:
        """Review what can be reviewed, sign what can be signed; whether anything was done."""
        with self._lock:
            done = False
            for person in HUB_PEOPLE:
                wanted = "under_review" if person.role == "reviewer" else "signed_by_unit"
                for batch in self._batches(person.login, wanted):
                    done = self._decide(person.login, person.role, batch) or done
                if person.role == "archivist":
                    for correction in self._corrections(person.login, "asked"):
                        done = self._answer(person.login, correction) or done
            return done

    def correcting(self) -> bool:
        """Whether an archive has decided on a correction that is not in its repository yet."""
        with self._lock:
            archivists = [each.login for each in HUB_PEOPLE if each.role == "archivist"]
            return any(self._corrections(login, "making") for login in archivists)

    def states(self) -> dict[str, str]:
        """The state of every batch that the archives know, by the node's id of it."""
        found: dict[str, tuple[int, str]] = {}
        with self._lock:
            for person in HUB_PEOPLE:
                page, pages = 1, 1
                while page <= pages:
                    path = f"/review/batches?size=500&page={page}"
                    answer = self._ask(person.login, "GET", path)
                    for batch in answer["batches"]:
                        this = (int(batch["round"]), str(batch["state"]))
                        found[batch["batch_id"]] = max(this, found.get(batch["batch_id"], this))
                    page, pages = page + 1, int(answer["pages"])
        return {batch_id: state for batch_id, (_, state) in found.items()}

    def _decide(self, login: str, role: str, batch: Mapping[str, Any]) -> bool:
        fonds = self._fonds.get(batch["fonds_name"])
        if fonds is None:
            return False
        goal = self._goals(batch["title"], fonds)
        # Everybody sees what his archive reviews or receives; each does only his own part.
        own = next(each.archive for each in HUB_PEOPLE if each.login == login)
        if role == "reviewer" and own == batch["reviewing_archive"] and goal >= Goal.CONCLUDED:
            self._review(login, batch, fonds)
            return True
        if role == "archivist" and own == batch["receiving_archive"] and goal >= Goal.RECEIVED:
            self._decide_items(login, batch)
            self._ask(login, "POST", f"/receiving/batches/{batch['id']}/sign")
            self._say(fonds.name, f"“{batch['title']}”档案馆已签字接收，{batch['count']} 件")
            return True
        return False

    def _review(self, login: str, batch: Mapping[str, Any], fonds: FondsPlan) -> None:
        path = f"/review/batches/{batch['id']}"
        records = self._ask(login, "GET", path)["records"]
        verdict = verdict_on(batch["title"], fonds, len(records))
        every = {"returned": 2, "corrected": 3, "accepted": 0}[verdict]
        decisions = [
            {"offer_id": each["offer_id"], "outcome": "accepted"}
            if not every or index % every
            else {
                "offer_id": each["offer_id"],
                "outcome": "returned",
                "reasons": [_REASONS[index // every % len(_REASONS)]],
            }
            for index, each in enumerate(records)
        ]
        self._ask(login, "POST", f"{path}/decisions", decisions)
        if verdict != "returned":
            self._decide_items(login, batch)
        self._ask(login, "POST", f"{path}/conclude", {"outcome": verdict})
        words = {"accepted": "通过", "returned": "退回", "corrected": "部分退回，更正登记表"}
        self._say(fonds.name, f"“{batch['title']}”审核{words[verdict]}，{len(records)} 件")

    def _decide_items(self, login: str, batch: Mapping[str, Any]) -> None:
        """Find everything good that is for persons to inspect, and that nobody has decided on."""
        path = f"/review/batches/{batch['id']}/inspection"
        items = self._ask(login, "GET", path)["items"]
        decided = [
            {"number": each["number"], "outcome": "passed"} for each in items if each["waits"]
        ]
        if decided:
            self._ask(login, "POST", path, decided)

    def _answer(self, login: str, correction: Mapping[str, Any]) -> bool:
        """Make a correction of pages as it was asked for; decline any other."""
        path = f"/corrections/{correction['id']}"
        if all(each["field"] == "pages" for each in correction["request"]["changes"]):
            self._ask(login, "POST", f"{path}/make", {"reason": "核对原件，页数有误。"})
            self._say("档案馆", f"已更正 {correction['code']}")
        else:
            self._ask(login, "POST", f"{path}/decline", {"reason": "原件未见复印件，不予补注。"})
            self._say("档案馆", f"不予更正 {correction['code']}")
        return True

    def _corrections(self, login: str, state: str) -> list[dict[str, Any]]:
        found = self._ask(login, "GET", f"/corrections?state={state}&size=500")
        return list(found["corrections"])

    def _batches(self, login: str, state: str) -> list[dict[str, Any]]:
        found = self._ask(login, "GET", f"/review/batches?state={state}&size=500")
        return list(found["batches"])

    def _ask(self, login: str, method: str, path: str, body: Any = None) -> Any:
        """One request; a token that has become stale is renewed once."""
        for _ in range(2):
            token = self._tokens.get(login) or self._sign_in(login)
            answer = self._http.request(
                method,
                f"{self._url()}/api/v1{path}",
                json=body,
                headers={"Authorization": f"Bearer {token}"},
                timeout=_TIMEOUT,
            )
            if answer.status_code != requests.codes.unauthorized:
                break
            self._tokens.pop(login, None)
        if not answer.ok:
            raise HubRefused(answer)
        return answer.json()

    def _sign_in(self, login: str) -> str:
        answer = self._http.post(
            f"{self._url()}/api/v1/sign_in",
            json={"login": login, "password": PASSWORD},
            timeout=_TIMEOUT,
        )
        if not answer.ok:
            raise HubRefused(answer)
        self._tokens[login] = str(answer.json()["token"])
        return self._tokens[login]


class HubRefused(Exception):
    """The hub answered with a problem."""

    def __init__(self, answer: requests.Response) -> None:
        try:
            said = answer.json()
        except ValueError:
            said = {}
        self.status = answer.status_code
        self.code = str(said.get("code", ""))
        detail = said.get("detail") or said.get("problem") or answer.text[:300]
        super().__init__(f"{answer.request.method} {answer.request.path_url}：{detail}")
