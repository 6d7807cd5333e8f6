"""How many annexes 附件 a text names, in the place and form of GB/T 9704-2012, 7.3.4."""

from __future__ import annotations

import re

#: “附件：1. 名称” below the text; one annex alone bears no number.
_NAMED = re.compile(r"(?:^|\n)\s*附\s*件\s*[:：]\s*(?P<rest>\S.*)", re.DOTALL)
_NUMBER = re.compile(r"(?:^|[\n\s])(\d{1,2})\s*[.．、]\s*\S")
_MOST = 99


def named_annexes(text: str) -> int | None:
    """How many annexes the text says that it has; None when it says nothing of any.

    The numbers have to follow each other from 1; what comes behind a break is something else.
    """
    found = _NAMED.search(text)
    if found is None:
        return None
    count = 0
    for number in _NUMBER.finditer(found["rest"]):
        if int(number[1]) != count + 1 or count == _MOST:
            break
        count += 1
    return max(count, 1)
