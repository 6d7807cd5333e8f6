"""The one value domain: what a text, a name, a date, a year or a number of pages may be.

This is the door for everyone outside; the rules stand in `text`, `dates` and `numbers`.
"""

from shared.records.dates import parse_date, parse_date_range
from shared.records.numbers import MOST_PAGES, parse_pages, parse_year, whole_number
from shared.records.text import (
    AUTHOR_LENGTH,
    CODE_LENGTH,
    DOC_NO_LENGTH,
    FILE_NAME_LENGTH,
    FIRST_YEAR,
    LAST_YEAR,
    NAME_LENGTH,
    PLACE_LENGTH,
    REASON_LENGTH,
    REMARK_LENGTH,
    SHORT_LENGTH,
    TITLE_LENGTH,
    clean_text,
    empty_like,
    odd_characters,
    refuse_damaged,
    repair_text,
    required_text,
    safe_file_name,
    text_problem,
)

__all__ = [
    "AUTHOR_LENGTH",
    "CODE_LENGTH",
    "DOC_NO_LENGTH",
    "FILE_NAME_LENGTH",
    "FIRST_YEAR",
    "LAST_YEAR",
    "MOST_PAGES",
    "NAME_LENGTH",
    "PLACE_LENGTH",
    "REASON_LENGTH",
    "REMARK_LENGTH",
    "SHORT_LENGTH",
    "TITLE_LENGTH",
    "clean_text",
    "empty_like",
    "odd_characters",
    "parse_date",
    "parse_date_range",
    "parse_pages",
    "parse_year",
    "refuse_damaged",
    "repair_text",
    "required_text",
    "safe_file_name",
    "text_problem",
    "whole_number",
]
