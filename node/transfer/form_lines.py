"""The list of the records in a 移交与接收登记表, on the page of the form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from shared.web import Listing, Page


def form_lines(form: Mapping[str, Any]) -> Page[Mapping[str, Any]]:
    """The records of a form as it travels, in its order unless another is asked for."""
    return Listing.from_request(
        request.args,
        sorts={
            "place": None,
            "code": lambda line: line["code"],
            "title": lambda line: line["title"],
            "date": lambda line: line["date"],
        },
        default_sort="place",
        search=(lambda line: line["code"], lambda line: line["title"]),
        size=50,
    ).apply_to(form.get("items") or ())
