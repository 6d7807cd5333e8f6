"""One cause, one finding: what only follows from something else is its evidence.

Whoever alters a value after signing makes a wrong value at its place, a wrong signature over it,
and perhaps a wrong lock. The first place is told as a finding; the signatures keep their verdicts,
say from where these follow, and have the finding of their own as evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from shared.inspection.finding import Finding
from shared.packaging.eep.form import ENCODED, LOCK, SIGNATURES, SIGNED
from shared.packaging.eep.report import Part, SignatureReport

WRONG = "eep_signature_wrong"
#: What is wrong with a signature itself; the lock over it is then wrong, too.
_IN_THE_BLOCK = frozenset(
    {
        WRONG,
        "eep_algorithm_differs",
        "eep_certificate_unproven",
        "eep_certificate_unreadable",
        "eep_signature_rule_unknown",
    }
)


def apart(schema: Part, references: Part, contents: Part) -> tuple[Part, Part, Part]:
    """The three answers without what the schema says of spoilt Base64, and what follows from it."""
    spoilt = {each.where for each in contents.findings if each.code == "eep_base64"}
    schema = _without(schema, lambda each: each.where in spoilt)
    wrong = {each.where for each in schema.findings if each.is_error}
    names_nothing = any((each or "").endswith((ENCODED, "签名标识符")) for each in wrong)

    def follows(each: Finding) -> bool:
        is_dangling = each.code == "eep_reference_dangling"
        return each.where in wrong or (names_nothing and is_dangling)

    return schema, _without(references, follows), _without(contents, follows)


def _without(part: Part, follows: Callable[[Finding], bool]) -> Part:
    kept = tuple(each for each in part.findings if not follows(each))
    return part if len(kept) == len(part.findings) else replace(part, findings=kept)


def told_once(
    parts: Iterable[Part], signatures: Sequence[SignatureReport]
) -> tuple[SignatureReport, ...]:
    """The signatures, each that follows from a finding elsewhere without one of its own."""
    of_document = [each for part in parts for each in part.findings if each.is_error]
    causes = [
        None if each.is_lock else _of_signature(each, signatures, of_document)
        for each in signatures
    ]
    found = {
        id(each): cause for each, cause in zip(signatures, causes, strict=True) if not each.is_lock
    }
    causes = [
        _of_lock(each, signatures, found, of_document) if each.is_lock else cause
        for each, cause in zip(signatures, causes, strict=True)
    ]
    return tuple(
        each
        if cause is None
        else replace(each, findings=(), because=cause.where or cause.code, evidence=each.findings)
        for each, cause in zip(signatures, causes, strict=True)
    )


def _of_signature(
    each: SignatureReport, signatures: Sequence[SignatureReport], of_document: Sequence[Finding]
) -> Finding | None:
    own = _error(each)
    if own is None:
        return None
    if (within := _within(own, of_document)) is not None:
        return within
    if (written := _of_writing(own, of_document)) is not None:
        return written
    if own.code != WRONG:
        return None
    if of_signed := [
        at for at in of_document if not (at.where or "").startswith((LOCK, SIGNATURES))
    ]:
        return of_signed[0]
    for revision in range(each.revision):  # what they have signed lies in this layer
        for inner in map(_error, _signatures(signatures, revision)):
            if inner is not None and inner.code in _IN_THE_BLOCK - {WRONG}:
                return inner
    # Where all that signed a layer is wrong, the layer was altered: the innermost one is told.
    altered = _all_wrong(signatures)
    if each.revision not in altered:
        return None
    first = _error(_signatures(signatures, min(altered))[0])
    return None if first is own else first


def _within(own: Finding, of_document: Sequence[Finding]) -> Finding | None:
    """What is wrong with the very element of a signature, such as its Base64."""
    return next(
        (at for at in of_document if own.where and (at.where or "").startswith(own.where)), None
    )


def _of_writing(own: Finding, of_document: Sequence[Finding]) -> Finding | None:
    """That the text is written in another way, where this spoils a value of a signature."""
    if own.code not in _IN_THE_BLOCK:
        return None
    return next((at for at in of_document if at.code == "eep_not_canonical"), None)


def _all_wrong(signatures: Sequence[SignatureReport]) -> set[int]:
    revisions = {each.revision for each in signatures}
    return {
        each
        for each in revisions
        if (of_layer := _signatures(signatures, each)) and all(map(_is_wrong, of_layer))
    }


def _signatures(signatures: Sequence[SignatureReport], revision: int) -> list[SignatureReport]:
    return [each for each in signatures if not each.is_lock and each.revision == revision]


def _of_lock(
    lock: SignatureReport,
    signatures: Sequence[SignatureReport],
    found: Mapping[int, Finding | None],
    of_document: Sequence[Finding],
) -> Finding | None:
    own = _error(lock)
    if own is None:
        return None
    if (within := _within(own, of_document)) is not None:
        return within
    for each in _signatures(signatures, lock.revision):
        other = _error(each)
        if other is None:
            continue
        is_alike = own.code == other.code and lock.signer == each.signer
        if is_alike or (own.code == WRONG and other.code in _IN_THE_BLOCK):
            cause = found[id(each)]
            is_signed = cause in of_document and ((cause and cause.where) or "").startswith(SIGNED)
            if not is_signed:
                return cause or other
    in_block = (at for at in of_document if (at.where or "").startswith(SIGNATURES))
    return next(in_block, None) if own.code == WRONG else _of_writing(own, of_document)


def _is_wrong(each: SignatureReport) -> bool:
    found = _error(each)
    return found is not None and found.code == WRONG


def _error(each: SignatureReport) -> Finding | None:
    return next((found for found in each.findings if found.is_error), None)
