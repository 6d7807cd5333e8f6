"""Letters as PDF: red head, number, title, text, signature, the same bytes for the same seed."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from io import BytesIO

from reportlab import rl_config
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from shared.demo.generator.fonts import pdf_font
from shared.demo.generator.papers import Kind, Paper
from shared.demo.generator.text import ADDRESSEE, broken, paragraphs, written_day

_WIDTH, _HEIGHT = A4
_LEFT, _TOP, _BOTTOM = 79.0, 736.0, 90.0
_LINE = 26.0
_PER_LINE = 28
_RED = (0.8, 0.05, 0.05)
#: How far the letters of the head reach above the line that they stand on; half of 42 mm.
_BELOW_EDGE, _SEAL = 12.0, 59.5

rl_config.useA85 = 0  # bytes as they are: a quarter less, and faster


def letter(paper: Paper, chance: random.Random) -> bytes:
    """The paper as an official letter 红头文件 (GB/T 9704, roughly), of as many pages as it has."""
    target = BytesIO()
    canvas = _canvas(target, paper)
    place = _head(canvas, paper)
    lines = [line for each in paragraphs(paper, chance) for line in broken(each, _PER_LINE)]
    share = math.ceil(len(lines) / paper.pages)
    page = 1
    for number, line in enumerate(lines):
        if place < _BOTTOM or (number and number % share == 0):
            place, page = _turn(canvas, page), page + 1
        canvas.drawString(_LEFT, place, line)
        place -= _LINE
    if place < _BOTTOM + 2 * _LINE:
        place, page = _turn(canvas, page), page + 1
    canvas.drawRightString(_WIDTH - _LEFT, place - _LINE, paper.author[:_PER_LINE])
    canvas.drawRightString(_WIDTH - _LEFT, place - 2 * _LINE, written_day(paper))
    if paper.kind is not Kind.INTERNAL:
        _seal(canvas, place - 1.5 * _LINE)
    _turn(canvas, page)
    canvas.save()
    return target.getvalue()


def bound(paper: Paper, pictures: Sequence[bytes]) -> bytes:
    """Scanned pages (JPEG) bound into one PDF."""
    target = BytesIO()
    canvas = _canvas(target, paper)
    for picture in pictures:
        canvas.drawImage(ImageReader(BytesIO(picture)), 0, 0, _WIDTH, _HEIGHT)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def _canvas(target: BytesIO, paper: Paper) -> Canvas:
    canvas = Canvas(target, pagesize=A4, invariant=1, pageCompression=1)
    canvas.setTitle(paper.title)
    canvas.setAuthor(paper.author)
    canvas.setFont(pdf_font(), 15)
    return canvas


def _head(canvas: Canvas, paper: Paper) -> float:
    """Draw the head; returns where the text begins."""
    place = _TOP
    if paper.kind is not Kind.INTERNAL:
        place -= _BELOW_EDGE
        canvas.setFillColorRGB(*_RED)
        canvas.setStrokeColorRGB(*_RED)
        name = paper.author[:20]
        canvas.setFont(pdf_font(), min(32.0, 430.0 / (len(name) + 2)))
        canvas.drawCentredString(_WIDTH / 2, place, f"{name}文件")
        canvas.line(_LEFT - 10, place - 62, _WIDTH - _LEFT + 10, place - 62)
        canvas.setFillColorRGB(0, 0, 0)
        canvas.setFont(pdf_font(), 14)
        canvas.drawCentredString(_WIDTH / 2, place - 50, paper.doc_no or "")
        place -= 100
    canvas.setFont(pdf_font(), 19)
    for line in broken(paper.title, 22):
        canvas.drawCentredString(_WIDTH / 2, place, line)
        place -= 30
    canvas.setFont(pdf_font(), 15)
    if paper.kind is not Kind.INTERNAL:
        canvas.drawString(_LEFT, place - 14, ADDRESSEE)
        place -= _LINE
    return place - 14


def _seal(canvas: Canvas, place: float) -> None:
    """A round seal over the signature, with no name in it: no more than a picture of one."""
    canvas.setStrokeColorRGB(*_RED)
    canvas.setFillColorRGB(*_RED)
    canvas.setLineWidth(3)
    middle = _WIDTH - _LEFT - _SEAL
    canvas.circle(middle, place, _SEAL)
    canvas.setFont(pdf_font(), 30)
    canvas.drawCentredString(middle, place - 11, "★")
    canvas.setFillColorRGB(0, 0, 0)
    canvas.setFont(pdf_font(), 15)


def _turn(canvas: Canvas, page: int) -> float:
    """End a page with its number; returns where the next one begins."""
    canvas.setFont(pdf_font(), 11)
    canvas.drawCentredString(_WIDTH / 2, 50, f"— {page} —")
    canvas.showPage()
    canvas.setFont(pdf_font(), 15)
    return _TOP
