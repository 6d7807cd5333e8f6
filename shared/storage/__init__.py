"""Where bytes are kept: an object store for what stays, a staging area for what arrives in parts.

Two ports, `ObjectStore` and `Staging`, and the folder behind each. Whole or absent, never half.
"""

from shared.storage.folder_staging import FolderStaging
from shared.storage.folder_store import FolderStore
from shared.storage.parts import Stretch
from shared.storage.ports import (
    MOST_PARTS,
    PART_SIZE,
    ObjectStore,
    Staging,
    StoredObject,
    part_count,
    part_length,
)

__all__ = [
    "MOST_PARTS",
    "PART_SIZE",
    "FolderStaging",
    "FolderStore",
    "ObjectStore",
    "Staging",
    "StoredObject",
    "Stretch",
    "part_count",
    "part_length",
]
