"""Under which items what is found in a package of DA/T 48 (EEP) is told."""

from __future__ import annotations

#: The questions that are asked of an EEP (`shared.packaging.eep.report`), by their items.
ITEM_OF_PART = {
    "well_formed": "3-1", "schema_valid": "2-10", "references": "1-13", "contents": "1-10",
}  # fmt: skip
#: Its signatures and bytes, and whether it is the record that lies beside it.
ITEM_OF_SIGNATURES, ITEM_OF_RECORD = "1-1", "1-9"
