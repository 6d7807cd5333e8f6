"""Every table of the hub says where its rows could come from again (design, rule 4)."""

from sqlalchemy import Table

import hub.schema
from shared.kernel.database import Model

ORIGINS = {"repository", "nodes", "backup", "derived"}


def test_every_table_of_the_hub_declares_its_origin():
    assert hub.schema.__all__
    tables = {
        mapper.local_table
        for mapper in Model.registry.mappers
        if mapper.class_.__module__.startswith("hub.") and isinstance(mapper.local_table, Table)
    }
    assert tables
    assert {table.name for table in tables if table.info.get("origin") not in ORIGINS} == set()
