"""Seals and signatures 签章 inside documents: whose they are, and whether what they cover holds.

OFD (GB/T 33190 with GB/T 38540, GM/T 0031, GB/T 35275) and PDF (ISO 32000-1, 12.8). All is judged
with what `shared.verifier` knows of certificates, revocation and time stamps; nothing is fetched.
"""

from collections.abc import Callable
from typing import BinaryIO

from shared.seals.ofd import seals_of_ofd
from shared.seals.pdf import seals_of_pdf
from shared.seals.seal import ABSENT, VERDICT_NAMES, Revocation, Seal
from shared.seals.trust import Trust
from shared.verifier.receipt import Verdict

__all__ = [
    "ABSENT",
    "VERDICT_NAMES",
    "Revocation",
    "Seal",
    "Trust",
    "Verdict",
    "may_have_seals",
    "seals_of",
]

#: By the code of the format (`shared.inspection.formats`).
_READERS: dict[str, Callable[[BinaryIO, Trust], tuple[Seal, ...]]] = {
    "ofd": seals_of_ofd,
    "pdf": seals_of_pdf,
}


def may_have_seals(code: str) -> bool:
    """Whether seals are looked for in files of this format."""
    return code in _READERS


def seals_of(code: str, stream: BinaryIO, trust: Trust) -> tuple[Seal, ...]:
    """The seals of a document of this format, judged; none where it has none.

    The stream is seekable. Nothing in the document raises.
    """
    reader = _READERS.get(code)
    return () if reader is None else reader(stream, trust)
