"""What computer files are and whether they can be read, told by their bytes.

One module for each family of formats; strangers' files are looked into in the `sandbox` alone.
"""

from shared.inspection.formats.identification import identify
from shared.inspection.formats.table import (
    FORMATS,
    Format,
    extension_of,
    format_named,
    names_format,
)
from shared.inspection.formats.text import decode_text

__all__ = [
    "FORMATS",
    "Format",
    "decode_text",
    "extension_of",
    "format_named",
    "identify",
    "names_format",
]
