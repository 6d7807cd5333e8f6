"""Verifying a package: everything it claims, looked into; every problem one named finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from shared.inspection.finding import Finding, Severity
from shared.kernel.errors import Invalid
from shared.packaging.eep.ahead import Ahead
from shared.packaging.eep.causes import apart, told_once
from shared.packaging.eep.contents import check_contents
from shared.packaging.eep.form import ENCODED, ENCODED_ID, REFERENCE, ROOT, rules
from shared.packaging.eep.references import check_references
from shared.packaging.eep.report import NOT_RUN, Part, Report, SignatureReport
from shared.packaging.eep.scan import Scanned, scan
from shared.packaging.eep.schema import check_schema
from shared.packaging.eep.signatures import check_signatures
from shared.packaging.eep.skeleton import Element, below, child, layers, name_of, value
from shared.packaging.eep.source import UTF_8, Source
from shared.packaging.eep.trust import Trust

_AGAIN = "请由生成单位重新封装。"


@dataclass(frozen=True)
class Verified:
    """A package that was looked into: what was found, and the skeleton that it was found in."""

    report: Report
    scanned: Scanned

    @property
    def root(self) -> Element:
        """The skeleton. Raises Invalid, with the reason, where there is none."""
        if self.scanned.root is None or name_of(self.scanned.root) != ROOT:
            first = next(each for each in self.report.findings if each.is_error)
            raise Invalid("file", first.problem, first.remedy, code=first.code)
        return self.scanned.root


def verify(stream: BinaryIO, *, trust: Trust | None = None) -> Report:
    """Whether a package is what it says.

    Reads the stream once, and a second time for signatures that were not seen coming (`ahead`);
    holds the skeleton of it: a package of 2 GB costs no more memory than one of 2 KB.

    Args:
        stream: a seekable stream of the package.
        trust: whose signatures count; nobody's by default, and then none is more than unverifiable.

    Nothing in the package raises. Invalid is raised when the file changes meanwhile.
    """
    return look_into(stream, trust=trust).report


def look_into(stream: BinaryIO, *, trust: Trust | None = None) -> Verified:
    """As `verify`, with what was read."""
    ahead = Ahead(stream)
    found = scan(stream, ahead=ahead)
    root = found.root
    if root is None:
        report = _report(found, (NOT_RUN, NOT_RUN, NOT_RUN), ())
    elif name_of(root) != ROOT:
        schema = Part.of(check_schema(root, found.namespace))
        report = _report(found, (schema, NOT_RUN, NOT_RUN), ())
    else:
        parts = apart(
            Part.of(check_schema(root, found.namespace)),
            Part.of(check_references(root)),
            check_contents(found, root),
        )
        report = _report(
            found,
            parts,
            tuple(check_signatures(found, root, Source(stream), trust or Trust(), ahead)),
        )
    return Verified(report, found)


def _report(
    found: Scanned, later: tuple[Part, Part, Part], signatures: tuple[SignatureReport, ...]
) -> Report:
    root = found.root
    well_formed = list(found.findings)
    others = any(each.is_error for part in later for each in part.findings)
    # Who has put in something wrong has seldom written it as it should be: one thing is told.
    if root is not None and not (found.is_canonical or well_formed or others):
        well_formed.append(_not_canonical(root))
    parts = (Part.of(well_formed), *later)
    return Report(
        found.sha256,
        found.size,
        value(root, "被签名对象/封装包类型"),
        value(root, "版本"),
        *parts,
        told_once(parts, signatures),
    )


def _not_canonical(root: Element) -> Finding:
    """Others may write as they like; who signs by a rule of ours signs the canonical form."""
    is_ours = any(each.text in rules() for each in below(root, "签名规则"))
    return Finding(
        "eep_not_canonical",
        "封装包的写法不是规范形式，有空白、引号、转义或编码与规范的不同。",
        _AGAIN,
        severity=Severity.ERROR if is_ours else Severity.WARNING,
    )


def require_ours(verified: Verified) -> None:
    """Raise Invalid for a package that is not sound, or not written as ours are.

    Whoever copies its bytes into another package has to know that they mean the same there.
    """
    found = verified.scanned
    if verified.report.is_sound and found.is_canonical and found.encoding == UTF_8:
        return
    first = next((each for each in verified.report.findings if each.is_error), None)
    raise Invalid(
        "package",
        f"封装包不能再封装或加签：{first.problem if first else '其写法不是规范形式。'}",
        "请先取得完好的、规范的封装包。",
        code="eep_not_ours",
    )


def kept_contents(verified: Verified) -> dict[str, str]:
    """What a package around this one may refer to: 编码数据ID by SHA-256 of the content."""
    held = {each.element: each for each in verified.scanned.contents}
    kept: dict[str, str] = {}
    for layer in layers(verified.root):
        for encoding in layer.encodings:
            encoded = child(encoding, ENCODED)
            if encoded is not None and encoded.get(REFERENCE) is None:
                kept.setdefault(held[encoded].sha256, str(encoded.get(ENCODED_ID)))
    return kept
