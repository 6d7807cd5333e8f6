"""The hub's page of parcels, where no unit is needed for it."""

from __future__ import annotations

import io

from shared.kernel.actor import Grant, Role
from tests.hub.conftest import City
from tests.hub.desk import Browser, make_desk


def test_a_bad_file_stopped_those_that_were_uploaded_with_it(city: City) -> None:
    browser = Browser(make_desk(city, admin=Grant(Role.ADMINISTRATOR)), "admin")
    files = [(io.BytesIO(b"no parcel"), name) for name in ("b.parcel", "a.parcel")]
    assert browser.send("/parcels/in", {"file": files}).status_code == 302
    page = browser.get("/parcels/").text
    assert page.index("没有导入（a.parcel）") < page.index("没有导入（b.parcel）")
