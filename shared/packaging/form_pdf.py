"""电子档案移交与接收登记表 as PDF: the form on one A4 page, the list of records behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.kernel.errors import Invalid
from shared.kernel.keys import PublicKey
from shared.packaging.forms import CHECK_LINES, FormPeople, HandoverForm
from shared.packaging.pdf import Column, Page, draw_counted, table, wrap
from shared.records.retention import retention_name

_A4 = (595.28, 841.89)
_LEFT, _TOP = 57.0, 96.0
_WIDTH = _A4[0] - 2 * _LEFT
_LABEL = 120.0
_LIST_BOTTOM = 841.89 - 52
_SIGNATURE_SHOWN = 64

_COLUMNS = (
    Column("序号", 5, "center"),
    Column("档号", 22),
    Column("题名", 36),
    Column("日期", 9, "center"),
    Column("保管期限", 8, "center"),
    Column("文件数", 6, "right"),
    Column("字节数", 12, "right"),
)

Signature = Mapping[str, object]


def form_pdf(
    form: HandoverForm,
    unit_signature: Signature | None = None,
    archive_signature: Signature | None = None,
    receipt_id: str | None = None,
) -> bytes:
    """The form as PDF, with the font embedded; same input, same bytes.

    `receipt_id` is the code by which the receipt can be verified 凭证核验; it stands on every page.
    A missing signature leaves its place empty for now. Raises Invalid when one is not over this
    form: a form that looks signed must be signed.
    """
    for field, signature in (
        ("unit_signature", unit_signature),
        ("archive_signature", archive_signature),
    ):
        if signature is not None and not _is_signature(form, signature):
            raise Invalid(
                field, "签名不是对这份登记表的签名，不能打印。", "请核对登记表和签名后再试。"
            )
    digest = form.digest

    def paint(page: Page, pages: int) -> int:
        _form_page(page, form, digest, unit_signature, archive_signature)
        _footing(page, digest, 1, pages, receipt_id)
        page.next_page()
        return 1 + table(
            page,
            _COLUMNS,
            (
                (
                    str(number),
                    item.code or "",
                    item.title,
                    (item.date or "").replace("-", ""),
                    retention_name(item.retention),
                    str(item.files),
                    f"{item.bytes:,}",
                )
                for number, item in enumerate(form.items, 1)
            ),
            heading=lambda page, number: _list_heading(page, form),
            footing=lambda page, number: _footing(page, digest, number + 1, pages, receipt_id),
            margin=_LEFT,
            bottom=_LIST_BOTTOM,
            size=8.5,
        )

    return draw_counted(_A4, "电子档案移交与接收登记表", paint)


def _is_signature(form: HandoverForm, signature: Signature) -> bool:
    try:
        key = PublicKey.from_hex(signature.get("public_key"))
    except Invalid:
        return False
    return signature.get("key") == key.id and form.is_signed_by(key, signature)


def _form_page(
    page: Page,
    form: HandoverForm,
    digest: str,
    unit: Signature | None,
    archive: Signature | None,
) -> None:
    page.text(page.width / 2, 66, "电子档案移交与接收登记表", 18, "center")
    note = f"批次：{form.batch_id}"
    page.text(_LEFT, 88, note, 8.5)
    if form.corrects is not None:
        page.text(
            _LEFT + _WIDTH, 88, f"更正，代替摘要为 {form.corrects[:16]}… 的登记表", 8.5, "right"
        )
    y = _TOP
    codes = "　至　".join(code for code in (form.first_code, form.last_code) if code)
    volumes = f"，{form.volumes} 卷" if form.volumes else ""
    for label, text in (
        ("交接工作名称", form.title),
        ("内容描述", form.content),
        ("全宗", f"{form.fonds_number or '（未编号）'}　{form.fonds_name}"),
        ("移交电子档案数量", f"{form.records} 件{volumes}，计算机文件 {form.files} 个"),
        ("移交数据量", _amount(form)),
        ("起止档号", codes or "无"),
        ("载体起止顺序号", f"1　至　{len(form.items)}（明细序号）"),
        ("移交载体类型、规格", form.medium),
        ("数字摘要及算法", _digests(form, digest)),
    ):
        y = _line(page, y, label, text)
    y = _checks(page, y, form)
    y = _people(page, y, form)
    y = _signatures(page, y, form, unit, archive)
    if form.remarks:
        y = _line(page, y, "备注", form.remarks)
    page.box(_LEFT, _TOP, _WIDTH, y - _TOP, thick=True)


def _digests(form: HandoverForm, digest: str) -> str:
    text = f"登记表摘要（SHA-256）：\n{digest[:32]}\n{digest[32:]}"
    root = form.merkle_root
    return text if root is None else f"{text}\n目录和文件的 Merkle 根：\n{root[:32]}\n{root[32:]}"


def _line(page: Page, y: float, label: str, text: str) -> float:
    lines = wrap(text, _WIDTH - _LABEL - 8, 10, most=6)
    height = max(26.0, 13.5 * len(lines) + 10)
    page.cell(_LEFT, y, _LABEL, height, [label], align="center")
    page.cell(_LEFT + _LABEL, y, _WIDTH - _LABEL, height, lines)
    return y + height


def _amount(form: HandoverForm) -> str:
    """The amount of data: in GB as the form asks, never 0 of it, and what it is exactly."""
    told = "不足 0.001" if form.bytes and form.gigabytes == "0.000" else form.gigabytes
    smaller = ""
    if form.bytes < 1024**3:
        unit, size = ("MB", 1024**2) if form.bytes >= 1024**2 else ("KB", 1024)
        smaller = f"合 {form.bytes / size:.1f} {unit}，"
    return f"{told} GB（{smaller}{form.bytes:,} 字节）"


def _halves() -> tuple[float, float, float]:
    half = (_WIDTH - _LABEL) / 2
    return _LEFT + _LABEL, _LEFT + _LABEL + half, half


def _checks(page: Page, y: float, form: HandoverForm) -> float:
    first, second, half = _halves()
    unit = wrap(f"移交单位：{form.unit}", half - 8, 10, most=3)
    archive = wrap(f"接收单位：{form.archive}", half - 8, 10, most=3)
    height = max(22.0, 13.5 * max(len(unit), len(archive)) + 8)
    page.cell(_LEFT, y, _LABEL, height, ["检验内容"], align="center")
    page.cell(first, y, half, height, unit, align="center")
    page.cell(second, y, half, height, archive, align="center")
    y += height
    height = 22.0
    for name in CHECK_LINES:
        each = form.checks[name]
        page.cell(_LEFT, y, _LABEL, height, [f"{name}检验"], align="center")
        page.cell(first, y, half, height, [each.unit], align="center")
        page.cell(second, y, half, height, [each.archive], align="center")
        y += height
    return y


def _people(page: Page, y: float, form: HandoverForm) -> float:
    first, second, half = _halves()
    height = 34.0
    for label, name, day in (
        ("填表人", "filled_by", "filled_on"),
        ("审核人", "reviewed_by", "reviewed_on"),
    ):
        page.cell(_LEFT, y, _LABEL, height, [label], align="center")
        for x, people in ((first, form.unit_people), (second, form.archive_people)):
            page.cell(x, y, half, height, _signed(people, name, day), align="center")
        y += height
    return y


def _signed(people: FormPeople, name: str, day: str) -> list[str]:
    return [str(getattr(people, name)), _day(str(getattr(people, day)))]


def _day(text: str) -> str:
    parts = text.split("-")
    return f"{parts[0]}年{int(parts[1])}月{int(parts[2])}日" if len(parts) == 3 else text


def _signatures(
    page: Page,
    y: float,
    form: HandoverForm,
    unit: Signature | None,
    archive: Signature | None,
) -> float:
    first, second, half = _halves()
    height = 128.0
    page.cell(_LEFT, y, _LABEL, height, ["单位（印章）"], align="center")
    for x, name, signature in ((first, form.unit, unit), (second, form.archive, archive)):
        page.cell(x, y, half, height, _seal(name, signature, half), size=8.5, top=True)
    return y + height


def _seal(name: str, signature: Signature | None, width: float) -> Sequence[str]:
    lines = wrap(name, width - 8, 8.5, most=2)
    if signature is None:
        return [*lines, "", "（尚未签名）"]
    value = str(signature.get("signature", ""))
    shown = value[:_SIGNATURE_SHOWN] + ("…" if len(value) > _SIGNATURE_SHOWN else "")
    return [
        *lines,
        "电子签名（SM2，SM3）",
        *wrap(f"公钥标识：{signature.get('key')}", width - 8, 8.5),
        *wrap(f"签名值：{shown}", width - 8, 8.5),
        "签名已按随附公钥核验，与本表一致。",
    ]


def _list_heading(page: Page, form: HandoverForm) -> float:
    page.text(page.width / 2, 52, "移交电子档案明细", 14, "center")
    page.text(_LEFT, 72, f"{form.unit}　移交　{form.archive}"[:60], 9)
    page.text(_LEFT + _WIDTH, 72, f"共 {len(form.items)} 条", 9, "right")
    return 80.0


def _footing(page: Page, digest: str, number: int, of: int, receipt_id: str | None) -> None:
    y = page.height - 30
    code = f"　接收凭证编号 {receipt_id}" if receipt_id else ""
    page.text(_LEFT, y, f"登记表摘要 {digest[:16]}{code}", 8)
    page.text(_LEFT + _WIDTH, y, f"第 {number} 页　共 {of} 页", 8, "right")
