"""The schemas that every answer to a harvester has to be valid by.

The protocol's own one comes out of the sources of `pyoai` (`deploy/setup/schemas.py`), Dublin Core
is written from its specification, and the form `dat46` has its schema at the hub.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from hub.sharing.harvesting.formats import DAT46_SCHEMA

_ROOT = Path(__file__).resolve().parents[3]
_PROTOCOL = _ROOT / ".venv/schemas/OAI-PMH.xsd"
_METADATA = "{http://www.openarchives.org/OAI/2.0/}metadata"
_DUBLIN_CORE = """
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
    targetNamespace="http://purl.org/dc/elements/1.1/">
  {elements}
</xs:schema>
"""
#: The fifteen elements of the Dublin Core Metadata Element Set 1.1, each any number of times.
_ELEMENTS = (
    "title", "creator", "subject", "description", "publisher", "contributor", "date", "type",
    "format", "identifier", "source", "language", "relation", "coverage", "rights",
)  # fmt: skip


@cache
def _protocol() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(_PROTOCOL))


@cache
def _dat46() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(DAT46_SCHEMA))


@cache
def _dublin_core() -> etree.XMLSchema:
    elements = "".join(f'<xs:element name="{name}" type="xs:string"/>' for name in _ELEMENTS)
    return etree.XMLSchema(etree.fromstring(_DUBLIN_CORE.format(elements=elements)))


def valid(document: Any) -> None:
    """Fail with what is wrong, unless the whole answer is valid."""
    _protocol().assertValid(document)
    for metadata in document.iter(_METADATA):
        (record,) = metadata
        if record.tag == "{http://www.openarchives.org/OAI/2.0/oai_dc/}dc":
            for element in record:
                _dublin_core().assertValid(element)
        else:
            _dat46().assertValid(etree.ElementTree(record))
