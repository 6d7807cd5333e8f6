"""A portal beside a hub that publishes to it over a folder, as over a stick that is carried."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from hub.portal.app import make_app
from hub.portal.places import PortalFolder, PortalSettings
from hub.portal.taking import Taken, take_folder
from hub.sharing.publishing import Published, publish
from tests.hub.sharing.conftest import Sharing, archive

__all__ = ["archive"]


@dataclass
class Portal:
    """The portal, the hub that publishes, and the folder between them."""

    archive: Sharing
    folder: PortalFolder
    stick: Path

    def publish(self, **more) -> Published:
        self.archive.settle()
        return publish(self.archive.city.admin, self.archive.city.folder, self.stick, **more)

    def take(self) -> Taken:
        return take_folder(self.folder, self.stick)

    def carry(self) -> Taken:
        self.publish()
        return self.take()

    def files(self) -> list[Path]:
        return sorted(self.stick.iterdir())

    def browser(self) -> FlaskClient:
        app = make_app(self.folder)
        app.testing = True
        return app.test_client()


def new_portal(path: Path, archive: Sharing) -> PortalFolder:
    settings = PortalSettings(
        name="宜昌市开放档案",
        hub_id=archive.city.folder.settings.hub_id,
        hub_key=archive.city.key.public.hex,
    )
    return PortalFolder.create(path, settings)


@pytest.fixture
def portal(archive, tmp_path):
    made = Portal(archive, new_portal(tmp_path / "portal", archive), tmp_path / "stick")
    archive.share()
    yield made
    made.folder.database.close()
