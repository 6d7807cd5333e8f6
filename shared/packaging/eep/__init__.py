"""Packages after DA/T 48-2009 电子文件封装包 (EEP): one XML file that holds a record whole.

`write_original` and `write_modified` write them, `verify` says what they are worth, `open_eep` lets
metadata and files out of what was verified. `docs/packages.md` shows one.
"""

from shared.packaging.eep.decompose import EepDocument, EepFile
from shared.packaging.eep.form import CanonicalForm
from shared.packaging.eep.open import Eep, open_eep
from shared.packaging.eep.report import Part, Report, SignatureReport, Verdict
from shared.packaging.eep.sign import Making, add_signatures
from shared.packaging.eep.signers import (
    KeySigner,
    SealSigner,
    ServiceSigner,
    Signer,
    read_pkcs12,
    signer_at,
    signer_with,
)
from shared.packaging.eep.trust import Trust
from shared.packaging.eep.verify import verify
from shared.packaging.eep.write import write_modified, write_original

__all__ = [
    "CanonicalForm",
    "Eep",
    "EepDocument",
    "EepFile",
    "KeySigner",
    "Making",
    "Part",
    "Report",
    "SealSigner",
    "ServiceSigner",
    "SignatureReport",
    "Signer",
    "Trust",
    "Verdict",
    "add_signatures",
    "open_eep",
    "read_pkcs12",
    "signer_at",
    "signer_with",
    "verify",
    "write_modified",
    "write_original",
]
