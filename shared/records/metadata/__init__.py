"""DA/T 46-2009 metadata 文书类电子文件元数据: the 88 elements, and a record said in them.

`describe` maps a record to a tree of elements and `recognise` goes the way back, `to_xml` and
`read_xml` carry the tree, `check_metadata` names what breaks the scheme. Everyone outside takes
these from here.
"""

from shared.records.metadata.check import MetadataProblem, check_metadata
from shared.records.metadata.describe import describe
from shared.records.metadata.recognise import Recognised, documents_of, recognise
from shared.records.metadata.scheme import (
    Element,
    by_name,
    by_number,
    load_scheme,
    scheme_version,
)
from shared.records.metadata.tree import (
    AGENT,
    BUSINESS,
    RECORD,
    RELATION,
    ROOT,
    Node,
    find,
    find_all,
    value_of,
)
from shared.records.metadata.xml import NAMESPACE, read_any_xml, read_xml, to_xml

__all__ = [
    "AGENT",
    "BUSINESS",
    "NAMESPACE",
    "RECORD",
    "RELATION",
    "ROOT",
    "Element",
    "MetadataProblem",
    "Node",
    "Recognised",
    "by_name",
    "by_number",
    "check_metadata",
    "describe",
    "documents_of",
    "find",
    "find_all",
    "load_scheme",
    "read_any_xml",
    "read_xml",
    "recognise",
    "scheme_version",
    "to_xml",
    "value_of",
]
