"""Whether a paper that somebody shows is ours 核验: by its code, which is the paper's id.

The code is as long as a password and stands on nothing but the paper and its copies. What is
answered is on the paper; its lines are not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.federation import service as federation
from hub.repository import service as repository
from hub.repository.papers import COPIES, COPY_WITHDRAWALS
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.database import Database
from shared.kernel.errors import Invalid, NotFound
from shared.kernel.identifiers import is_id
from shared.storage import ObjectStore

#: The papers that leave an archive signed, by the folder in which the repository keeps them; and
#: the list in each of what it is about.
KINDS: Mapping[str, tuple[str, str | None]] = {
    "receipts": ("接收凭证", "offers"),
    "corrections": ("更正凭证", None),
    "hand-overs": ("全宗交接文据", None),
    "disposals": ("处置清册", "lines"),
    COPIES: ("档案复制件证明", None),
}
_DIGEST_LENGTH = 64
VALID, WITHDRAWN = "valid", "withdrawn"


@dataclass(frozen=True)
class Genuine:
    """What can be told of a paper that is ours.

    `at` is when it was signed (UTC), `count` how many records it is about, where it lists them;
    `sha256` the digest of its canonical JSON; `matches` whether the digest that was brought is it,
    None when none was. Of a certified copy 复制件证明, `pdf_sha256` is the digest of the PDF that
    the reader got, and the PDF or a file that it certifies match as well; one that its archive has
    taken back is `withdrawn`, and no longer to be believed.
    """

    code: str
    kind: str
    name: str
    archive_code: str
    archive_name: str
    at: str
    count: int | None
    sha256: str
    matches: bool | None
    state: str = VALID
    withdrawn_at: str | None = None
    pdf_sha256: str | None = None


def verify(
    code: str, digest: str | None = None, *, database: Database, store: ObjectStore
) -> Genuine:
    """The paper with this code. Raises Invalid for what is no code, NotFound for a paper not ours.

    The database is read first, and the store after it: nothing far is asked in a transaction.
    """
    wanted = code.strip().lower()
    if not is_id(wanted):
        raise Invalid(
            "code", "核验码应为36位，例如 0190a5d2-….", "请照凭证上的编号填写。", code="bad_code"
        )
    if digest is not None and len(digest) != _DIGEST_LENGTH:
        raise Invalid("sha256", "摘要应为64位十六进制。", "请填写凭证文件的 SHA-256 摘要。")
    with database.read() as session:
        archives = {each.code: each.name for each in federation.archives(session)}
        found = repository.paper_named(session, archives, KINDS, wanted)
        withdrawn = None
        if found is not None and found.kind == COPIES:
            withdrawn = repository.paper_named(
                session, [found.archive_code], [COPY_WITHDRAWALS], wanted
            )
    if found is None:
        raise NotFound(
            "没有这个编号的凭证。", "请核对编号；仍查不到的，请向出具凭证的档案馆查询。",
            code="paper_unknown",
        )  # fmt: skip
    document = found.document or found.read(store)
    name, lines = KINDS[found.kind]
    listed = document.get(lines) if lines else None
    pdf, digests = _certified(document) if found.kind == COPIES else (None, frozenset())
    taken_back = None if withdrawn is None else withdrawn.document or withdrawn.read(store)
    return Genuine(
        code=wanted,
        kind=found.kind,
        name=name,
        archive_code=found.archive_code,
        archive_name=archives[found.archive_code],
        at=str(document.get("at", "")),
        count=len(listed) if isinstance(listed, list) else None,
        sha256=found.sha256,
        matches=None if digest is None else digest.lower() in {found.sha256, *digests},
        state=VALID if taken_back is None else WITHDRAWN,
        withdrawn_at=None if taken_back is None else str(taken_back.get("at", "")),
        pdf_sha256=pdf,
    )


def _certified(document: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    """The digest of a certified copy's PDF, and those of all that it certifies."""
    pdf = str(document["pdf"]["sha256"])
    return pdf, frozenset({pdf, *(str(file["sha256"]) for file in document["files"])})


def digest_of_file(content: bytes) -> str:
    """The digest of a paper as somebody brings it: of its canonical JSON, else of its bytes."""
    document = repository.read_document(content)
    try:
        return sha256_hex(content if document is None else canonical_json(document))
    except (TypeError, ValueError):
        return sha256_hex(content)
