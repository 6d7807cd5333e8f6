"""Every finding of the bad samples, word for word: code, sentence, remedy, field, evidence, place.

`WRITE=1` writes the recorded ones anew; what has changed then in `findings.json` a reader judges.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.inspection.report import Report
from shared.inspection.run import inspect_batch
from shared.inspection.subject import Batch, Context
from shared.inspection.twins import Twin
from shared.kernel.clock import today
from shared.records.numbering import Gap
from tests.shared.inspection.test_checks import BAD_FILES, BAD_RECORDS
from tests.shared.inspection.test_items import BAD, of_file, of_form, of_wire
from tests.shared.inspection.test_planted_faults import FAULTS, a_record, report_on
from tests.shared.packaging.samples import Unit

RECORDED = Path(__file__).with_name("findings.json")
#: What differs from run to run, and what stands for it.
_CHANGING = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"[0-9a-f]{64}"), "<digest>"),
    (re.compile(r"20(?:2[5-9]|[3-9]\d)-\d\d-\d\d(?: \d\d:\d\d)?"), "<day>"),
    (re.compile(r"\d{3,} 字节"), "<bytes>"),
)


def steady(text: str) -> str:
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    return text.replace(str(today()), "<day>")


def told(report: Report) -> list[dict[str, Any]]:
    """The findings without what every one says in the same words elsewhere."""
    wire = [each.to_wire() for each in report.findings]
    found: list[dict[str, Any]] = json.loads(steady(json.dumps(wire, ensure_ascii=False)))
    return [{name: value for name, value in each.items() if value is not None} for each in found]


def samples(unit: Unit, folder: Path) -> Iterator[tuple[str, Callable[[], Report]]]:
    """Every bad sample that there is, with its name."""
    for number, (code, inspected) in BAD.items():
        yield f"{number} {code}", lambda each=inspected: each(unit, folder)
    for bad in BAD_RECORDS:
        yield (
            f"{bad.number} {bad.code} {bad.field}",
            lambda each=bad: of_wire(each.change)(unit, folder),
        )
    for number, code, name, content in BAD_FILES:
        yield (
            f"{number} {code} {name}",
            lambda name=name, content=content: of_file(name, content)(unit, folder),
        )
    for fault in FAULTS:
        yield (
            f"planted {fault.name}",
            lambda each=fault: report_on(unit, *each.plant(unit, a_record(unit, 1))),
        )
    for name in ("说明文件.TXT", "目录文件.XML"):
        yield f"form without {name}", lambda name=name: of_form(**{name: None})(unit, folder)
    many = Batch(
        "b", 1, 1, registered_records=2, registered_size=2,
        gaps={"WS": [Gap("duplicate", 5), Gap("unsent", 7, 9), Gap("missing", 11, 12)]},
        twins=[Twin("1", "A-1", tuple(f"A-{n}" for n in range(2, 10)), by_content=False)],
    )  # fmt: skip
    yield "batch", lambda: inspect_batch(many, Context())


def test_findings_say_what_they_are_recorded_to_say(unit: Unit, tmp_path: Path) -> None:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, inspected in samples(unit, tmp_path):
        found[name] = told(inspected())
    if os.environ.get("WRITE"):
        RECORDED.write_text(
            json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8"
        )
        pytest.fail("recorded anew: read what has changed, and run without WRITE")
    recorded = json.loads(RECORDED.read_text("utf-8"))
    assert set(found) == set(recorded)
    for name, findings in found.items():
        assert findings == recorded[name], name
