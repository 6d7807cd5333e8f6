"""The hub's pages and API for these tests: real accounts, a browser without a screen."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from hub.app import make_app
from shared.kernel.actor import Grant
from tests.hub.conftest import City
from tests.people import employ

PASSWORD = "danglian-2024"


def make_desk(city: City, **people: Grant) -> Flask:
    app = make_app(city.folder)
    with city.database.write() as session:
        for login, grant in people.items():
            employ(login, login, PASSWORD, [grant], session=session)
    return app


class Api:
    """A program that is signed in."""

    def __init__(self, app: Flask, login: str) -> None:
        self.client = app.test_client()
        answer = self.client.post("/api/v1/sign_in", json={"login": login, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.headers = {"Authorization": f"Bearer {answer.get_json()['token']}"}

    def get(self, path: str) -> TestResponse:
        return self.client.get(f"/api/v1{path}", headers=self.headers)

    def post(self, path: str, body: Any = None) -> TestResponse:
        return self.client.post(f"/api/v1{path}", json=body, headers=self.headers)


class Browser:
    """Somebody at a screen."""

    def __init__(self, app: Flask, login: str) -> None:
        self.client: FlaskClient = app.test_client()
        answer = self.send("/sign-in", {"login": login, "password": PASSWORD})
        assert answer.status_code == 302, answer.text

    def get(self, path: str, headers: dict[str, str] | None = None) -> TestResponse:
        return self.client.get(path, headers=headers, buffered=True)

    def send(self, path: str, data: dict[str, Any] | None = None) -> TestResponse:
        token = self.client.get("/session").get_json()["csrf_token"]
        return self.client.post(path, data={**(data or {}), "csrf_token": token})
