"""四性检测: the checks of the four properties (DA/T 70-2018), what runs them, and the report."""

from shared.inspection.finding import (
    PROPERTY_NAMES,
    SEVERITY_NAMES,
    Finding,
    Property,
    Severity,
)
from shared.inspection.formats import FORMATS, Format, identify
from shared.inspection.registry import check, checks_of
from shared.inspection.report import OUTCOME_NAMES, CheckResult, Outcome, Report, Stage
from shared.inspection.run import inspect_batch, inspect_package, inspect_record
from shared.inspection.scheme import Item, Occasion, Scheme, load_scheme
from shared.inspection.subject import Batch, Context, Subject
from shared.inspection.twins import Twin, twins_among
from shared.inspection.verdict import BatchVerdict, Decision, Tally, Verdict, judge

__all__ = [
    "FORMATS",
    "OUTCOME_NAMES",
    "PROPERTY_NAMES",
    "SEVERITY_NAMES",
    "Batch",
    "BatchVerdict",
    "CheckResult",
    "Context",
    "Decision",
    "Finding",
    "Format",
    "Item",
    "Occasion",
    "Outcome",
    "Property",
    "Report",
    "Scheme",
    "Severity",
    "Stage",
    "Subject",
    "Tally",
    "Twin",
    "Verdict",
    "check",
    "checks_of",
    "identify",
    "inspect_batch",
    "inspect_package",
    "inspect_record",
    "judge",
    "load_scheme",
    "twins_among",
]
