"""Believable government papers, made up: titles, numbers, issuers, dates, and their files.

Everything follows from a seed: the same seed makes the same papers, byte for byte.
"""

from shared.demo.generator.files import Attachment, write_files
from shared.demo.generator.papers import Kind, Paper, Unit, UnitKind, papers_of, papers_of_titles

__all__ = [
    "Attachment",
    "Kind",
    "Paper",
    "Unit",
    "UnitKind",
    "papers_of",
    "papers_of_titles",
    "write_files",
]
