"""Text to tokens and query to tokens, by character pairs.

Folding works character by character, so that the folded form of a part is a part of the folded
form of the whole: what is a substring stays one. A token is written in hex digits alone: no engine
can split it, fold it, or take it for an operator.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from operator import add

#: The places of tokens as they are written, for all usual texts.
_PLACES = tuple(f":{place}" for place in range(1, 1001))
#: Stands between two fields, so that no phrase reaches across.
_BORDER = "z"

_BRACKETS = {"(": "〔【［[｛{〖「『《〈<(", ")": "〕】］]｝}〗」』》〉>)"}
_SEPARATORS = "-·•・‧∙⋅．.。－–—―‐‑‒−_＿/／"
_FOLDED = {
    **{variant: plain for plain, variants in _BRACKETS.items() for variant in variants},
    **dict.fromkeys(_SEPARATORS, "-"),
}


class _Folding(dict[int, str]):
    """What each character is folded to, made when it first comes; rare ones are not kept."""

    def __missing__(self, point: int) -> str:
        plain = unicodedata.normalize("NFKC", _FOLDED.get(chr(point), chr(point))).casefold()
        folded = "".join(_FOLDED.get(each, each) for each in plain if not each.isspace())
        if point <= 0xFFFF:
            self[point] = folded
        return folded


_FOLDING = _Folding()


def fold(text: str) -> str:
    """The form in which texts are compared.

    Full width and half width, capitals, the kinds of brackets and of separators in numbers are
    one; white space is nothing.
    """
    return text.translate(_FOLDING)


@lru_cache(maxsize=65536)
def _hex(character: str) -> str:
    """Four digits, or `x` and six: no code is the beginning of another."""
    point = ord(character)
    return f"{point:04x}" if point <= 0xFFFF else f"x{point:06x}"


def _tokens(folded: str) -> list[str]:
    codes = list(map(_hex, folded))
    # The last character stands alone too, so that a search for it by itself finds it.
    return [*map(add, codes, codes[1:]), *codes[-1:]]


def _all_tokens(fields: Iterable[str | None]) -> list[str]:
    found: list[str] = []
    for field in filter(None, fields):
        if found:
            found.append(_BORDER)
        found += _tokens(fold(field))
    return found


def index_text(fields: Iterable[str | None]) -> str:
    """The tokens of a thing's texts, separated by spaces, for the index."""
    return " ".join(_all_tokens(fields))


def terms_of(query: str) -> list[str]:
    """The terms of a query, folded: what stands between white space; all of them must occur."""
    return [term for term in (fold(part) for part in query.split()) if term]


def index_vector(fields: Iterable[str | None]) -> str:
    """The same tokens as a literal of PostgreSQL's `tsvector`, each with its places.

    Written here and not by `to_tsvector`, whose parser would take digits for numbers and cut them.
    """
    tokens = _all_tokens(fields)
    if len(tokens) > len(_PLACES):
        return " ".join([f"{token}:{place}" for place, token in enumerate(tokens, 1)])
    return " ".join(map(add, tokens, _PLACES))


def match_query(query: str) -> str | None:
    """An FTS5 MATCH expression that finds the texts in which every term occurs.

    None when the query holds nothing to look for. A term of one character finds every text in
    which it occurs; a longer one is a phrase of pairs, which is exactly a substring.
    """
    parts = []
    for term in terms_of(query):
        if len(term) == 1:
            parts.append(f"{_hex(term)}*")
        else:
            parts.append('"' + " ".join(_tokens(term)[:-1]) + '"')
    return " AND ".join(parts) if parts else None


def match_vector(query: str) -> str | None:
    """The same as a literal of PostgreSQL's `tsquery`."""
    parts = []
    for term in terms_of(query):
        if len(term) == 1:
            parts.append(f"{_hex(term)}:*")
        else:
            parts.append("(" + " <-> ".join(_tokens(term)[:-1]) + ")")
    return " & ".join(parts) if parts else None
