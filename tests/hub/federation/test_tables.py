"""Every table of the hub says where its rows could come from again (design, rule 4)."""

import hub.schema
from hub.federation.origins import ORIGINS, origin_of
from hub.federation.places import HubFolder


def test_every_table_of_the_hub_declares_its_origin(city):
    assert hub.schema.__all__
    tables = HubFolder(city.folder.path).database().tables()
    assert len(tables) > 30
    assert {table.name for table in tables if origin_of(table) not in ORIGINS} == set()
