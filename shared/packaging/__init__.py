"""What passes from unit to archive: packages, the forms that both sign, and the receipt."""

from shared.packaging.build import PackageIdentity, build_package
from shared.packaging.bundle import Bundle, build_bundle, open_bundle
from shared.packaging.catalogue import CatalogueHeading, CatalogueRow, catalogue_pdf
from shared.packaging.form_pdf import form_pdf
from shared.packaging.forms import (
    CHECK_LINES,
    ROOTED_FORMAT,
    FormCheck,
    FormItem,
    FormPeople,
    HandoverForm,
    checks_of_reports,
    corrected,
    make_form,
)
from shared.packaging.manifest import FORMAT, Manifest, PackageEntry
from shared.packaging.package import Package, open_package
from shared.packaging.receipts import (
    draft_receipt,
    make_receipt,
    receipt_covers,
    rooted,
    sign_receipt,
    verify_receipt,
)
from shared.packaging.verify import verify_package

__all__ = [
    "CHECK_LINES",
    "FORMAT",
    "ROOTED_FORMAT",
    "Bundle",
    "CatalogueHeading",
    "CatalogueRow",
    "FormCheck",
    "FormItem",
    "FormPeople",
    "HandoverForm",
    "Manifest",
    "Package",
    "PackageEntry",
    "PackageIdentity",
    "build_bundle",
    "build_package",
    "catalogue_pdf",
    "checks_of_reports",
    "corrected",
    "draft_receipt",
    "form_pdf",
    "make_form",
    "make_receipt",
    "open_bundle",
    "open_package",
    "receipt_covers",
    "rooted",
    "sign_receipt",
    "verify_package",
    "verify_receipt",
]
