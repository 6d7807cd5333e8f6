"""What a process has loaded from which `tests.killed` forks."""

from sqlalchemy.orm import configure_mappers

import node.custody.work
import node.transfer.work
import node.wiring  # noqa: F401

configure_mappers()  # what every process would do anew
