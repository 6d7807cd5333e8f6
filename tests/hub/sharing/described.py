"""A description as an archivist would type it, to be changed by the tests."""

from __future__ import annotations

import copy
from typing import Any

DESCRIPTION: dict[str, Any] = {
    "category": {
        "item": "307",
        "subject": "001",
        "subject_name": "档案",
        "detail": None,
        "detail_name": None,
    },
    "name": "夷陵区档案馆已开放档案目录",
    # The example of GB 32100-2015 itself.
    "provider": {"name": "夷陵区档案馆", "unit": "信息化科", "code": "91350100M000100Y43"},
    "abstract": "馆藏已开放档案的目录，含档号、题名、责任者和日期。",
    "format": {"kind": "database", "type": "postgresql"},
    "items": {"structure": "record", "keys": ["code", "title", "date"]},
    "coverage": "open",
    "sharing": {"type": "unconditional", "conditions": None, "methods": ["platform_service"]},
    "opening": {"open": True, "conditions": None},
    "update_cycle": "daily",
    "related": [],
}


def description(**changes: Any) -> dict[str, Any]:
    """The description with some parts changed; of a nested part only what is named."""
    said = copy.deepcopy(DESCRIPTION)
    for name, value in changes.items():
        if isinstance(value, dict):
            said[name].update(value)
        else:
            said[name] = value
    return said
