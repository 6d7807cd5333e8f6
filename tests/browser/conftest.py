"""People at browsers: a private city of real processes, and Debian's Chromium in front of it.

`SCREENSHOTS=docs/images pytest tests/browser -m browser` also takes the pictures of the docs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.city import City
from tests.browser.person import Person

_MOST_PICTURE_BYTES = 150 * 1024

#: Takes a picture of what a page shows now, for the docs.
Shot = Callable[[Page, str], None]
#: Somebody who signs in: at the hub or an office, with a login name.
SignIn = Callable[..., Person]


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[City]:
    """The hub, a township that keeps two villages, a county department, an office without papers.

    The department has handed over its papers of 2022, some of which leave questions.
    """
    city = City(tmp_path_factory.mktemp("city"))
    try:
        city.found()
        for slug in ("fenxiang", "shuili", "dongshi"):
            city.open_office(slug)
        city.serve_offices("fenxiang")
        city.serve_offices("shuili", "dongshi")
        department = city.rooms["shuili"]
        department.collect(department.papers(2022, 9), login="shuili", without_author=2)
        department.hand_over("2022年度文书档案", 2022, clerk="shuili", leader="shuili-ju")
        yield city
    finally:
        city.stop()


@pytest.fixture(scope="session")
def signed_in() -> dict[tuple[str, str], object]:
    """The cookies of who has signed in before: the next story begins at the desk."""
    return {}


@pytest.fixture
def sign_in(
    city: City, chromium: Browser, signed_in: dict[tuple[str, str], object]
) -> Iterator[SignIn]:
    """Gives people a browser of their own each, and fails when one of their pages misbehaved."""
    people: list[Person] = []

    def sign_in(
        where: str, login: str | None, *, phone: bool = False, fresh: bool = False
    ) -> Person:
        url = city.hub_url if where == "hub" else city.rooms[where].url
        kept = None if fresh or login is None else signed_in.get((url, login))
        person = Person(chromium, url, phone=phone, cookies=kept)
        people.append(person)
        if login is not None and kept is None:
            person.sign_in(login)
            signed_in[(url, login)] = person.context.storage_state()
        return person

    yield sign_in
    complaints = [each for person in people for each in person.leave()]
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def shot() -> Shot:
    folder = os.environ.get("SCREENSHOTS")

    def take(page: Page, name: str) -> None:
        if folder is None:
            return
        page.wait_for_load_state("networkidle")
        path = Path(folder) / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=path, animations="disabled")
        with Image.open(path) as picture:
            few_colours = picture.convert("RGB").quantize(128)
        few_colours.save(path, optimize=True)
        assert path.stat().st_size <= _MOST_PICTURE_BYTES, path

    return take
