"""What archivists and administrators see of fixity, on pages, in the alert list and by command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hub.federation.places import HubFolder
from hub.health import doctor
from hub.repository.examining import Stores
from hub.repository.models import KeptObject
from hub.wiring import steps
from shared.command.main import danglian
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.clock import now
from shared.kernel.errors import Conflict
from shared.kernel.files import folder_lock
from tests.hub.conftest import City
from tests.hub.correcting.test_kill import LONG_AGO
from tests.hub.desk import Browser, make_desk
from tests.hub.receiving.handover import YILING_ARCHIVE, ZHIJIANG_ARCHIVE, Hub, Unit
from tests.hub.receiving.test_kill import signed
from tests.hub.repository.keeping import Keeper, contents, damage, with_second_store
