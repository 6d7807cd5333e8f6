"""OFD-A (GB/T 42133-2022): what an OFD must not have, to be understood in the far future."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from shared.inspection.formats.examination import Look
from shared.inspection.formats.fonts import is_everywhere
from shared.inspection.formats.trouble import FALSE_CLAIM, SHORT_LIVED

_CLAIM = "OFD-A"
_IMAGES = {"BMP", "JPEG", "JPG", "PNG", "JB2", "JBIG2", "JPEG2000", "JP2", "TIFF", "TIF", ""}
#: Elements that depend on one program: their clause and what they are.
_REMOVED = {
    "Permissions": ("6.2.2", "权限"),
    "VPreferences": ("6.2.2", "视图首选项"),
    "Extensions": ("6.12", "扩展"),
}
_ACTIONS = {"URI": "打开网址", "GotoA": "打开附件", "Sound": "播放声音", "Movie": "播放视频"}
_DEEPEST_BLOCK = 3


def examine(roots: Mapping[str, etree._Element], look: Look) -> None:
    """Note every rule that is broken; an OFD that claims to be OFD-A then claims it falsely."""
    root = roots["OFD.xml"]
    is_claimed = root.get("DocType") == _CLAIM
    if is_claimed:
        look.facts["claim"] = _CLAIM
    for rule in _broken(roots):
        if is_claimed:
            look.trouble(FALSE_CLAIM, f"自称 OFD-A，但{rule}")
        else:
            look.trouble(SHORT_LIVED, f"OFD {rule}，不利于长期保存（GB/T 42133-2022）")
    fonts = dict.fromkeys(
        str(font.get("FontName", "?"))
        for each in roots.values()
        for font in each.iter("{*}Font")
        if font.find("{*}FontFile") is None
    )
    if fonts:
        look.facts["fonts_missing"] = list(fonts)[:20]
    # Not even all samples of the standard's own tools embed 宋体: it is no false claim.
    rare = [name for name in fonts if is_claimed or not is_everywhere(name)]
    if rare:
        look.trouble(
            SHORT_LIVED,
            "OFD 含有未嵌入的字体，换一台电脑可能显示不同（GB/T 42133-2022，6.2.6）",
            "、".join(rare[:5]),
        )


def _broken(roots: Mapping[str, etree._Element]) -> Iterator[str]:
    if sum(1 for _ in roots["OFD.xml"].iter("{*}DocBody")) > 1:
        yield "一个文件中有多个文档（6.2.1）"
    for each in roots.values():
        for name, (clause, label) in _REMOVED.items():
            if next(each.iter(f"{{*}}{name}"), None) is not None:
                yield f"带有{label}（{name}，{clause}）"
        for name, label in _ACTIONS.items():
            if any(found.getparent() is not None for found in each.iter(f"{{*}}{name}")):
                yield f"带有“{label}”的动作（6.2.5、6.9）"
        for media in each.iter("{*}MultiMedia"):
            kind = str(media.get("Type", ""))
            if kind in ("Audio", "Video"):
                yield "带有音视频（6.2.6）"
            elif kind == "Image" and str(media.get("Format", "")).upper() not in _IMAGES:
                yield "图像的格式不在规定范围内（6.2.6）"
        if any(found.get("Interpolate") == "true" for found in each.iter("{*}ImageObject")):
            yield "图像设了插值（Interpolate，6.5）"
        if any(_depth(block) > _DEEPEST_BLOCK for block in each.iter("{*}PageBlock")):
            yield "页面块嵌套超过 3 层（6.2.3）"


def _depth(block: etree._Element) -> int:
    return 1 + sum(etree.QName(each).localname == "PageBlock" for each in block.iterancestors())
