"""Every route of a node, and what somebody of another fonds is to find there."""

from __future__ import annotations

from tests.crossings import DOORS as OF_BOTH
from tests.crossings import OF_ALL as FOR_ALL
from tests.crossings import OWN as EACH_OWN
from tests.crossings import Thing

#: Without a sign-in, and about nobody's records.
DOORS = OF_BOTH | {"sign_on.back", "sign_on.start", "whereabouts.light"}

#: About whoever asks, or about the line and what is carried over it as a whole.
OWN = EACH_OWN | {
    "desk.home", "sign_on.pin", "filing.static", "sync.reconcile", "parcels.take", "parcels.write",
}  # fmt: skip

OF_ALL = FOR_ALL

#: Lists, counts and forms that begin something new, with what they narrow to.
LISTS: dict[str, dict[str, str]] = {
    "clerks.index": {}, "clerks.new": {},

    "corrections.index": {}, "custody.index": {}, "custody.ask": {},
    "filing.index": {"q": "事项"}, "filing.boxes": {},

    "filing.catalogue": {"class": "WS", "year": "2023"}, "filing.classes": {},
    "filing.disposals": {},
    "filing.divergences": {}, "filing.due": {}, "filing.new": {},

    "filing.draft": {}, "filing.clear_numbers": {}, "filing.put_back_selection": {},
    "filing.schedule": {}, "intake.index": {}, "intake.new": {}, "parcels.index": {},
    "registry.index": {"q": "事项"}, "registry.new": {}, "submission.index": {"q": "事项"},
    "submissions_api.index": {}, "submissions_api.submit": {}, "sync.index": {},
    "transfer.index": {}, "transfer.new": {}, "whereabouts.index": {"q": "事项"},
}  # fmt: skip

_RECORD, _BATCH = {"record_id": "record"}, {"batch_id": "batch"}
_DOCUMENT, _INTAKE = {"document_id": "document"}, {"intake_id": "intake"}
_CLASS = {"fonds": "fonds", "class": "WS", "year": "2023"}
_REASON = {"reason": "别村想办"}

#: Things of another fonds.
THINGS: dict[str, Thing] = {
    "clerks.show": Thing({"change_id": "change"}),
    "clerks.sign": Thing({"change_id": "change"}, {"role": "giver", "digest": "x"}),
    "clerks.withdraw": Thing({"change_id": "change"}),
    "clerks.pdf": Thing({"change_id": "change"}),
    "corrections.show": Thing({"correction_id": "correction"}),
    "corrections.new": Thing(_RECORD, _REASON),
    "custody.show": Thing({"hand_over_id": "hand_over"}),
    "custody.act": Thing({"hand_over_id": "hand_over", "verb": "call_off"}, _REASON),
    **{
        f"filing.{name}": Thing(_RECORD, _REASON)
        for name in (
            "show", "discard", "dispose", "edit", "extend", "late", "move_class", "papers",
            "put_back", "upload", "void",
        )
    },
    "filing.fill": Thing(_RECORD),
    "filing.put_into": Thing(_RECORD, {"ids": "@record"}),
    "filing.take_out": Thing(_RECORD, {"ids": "@record"}),
    "filing.print_boxes": Thing({"ids": "box"}),
    "filing.numbers": Thing(_CLASS, status=403),
    "filing.close": Thing(_CLASS, {"fonds": "@fonds", "class": "WS", "year": "2023"}, 403),
    "filing.file": Thing({**_RECORD, "file_id": "file"}),
    "filing.detach": Thing({**_RECORD, "file_id": "file"}),
    "filing.print_volume": Thing({**_RECORD, "what": "cover"}),
    "filing.box": Thing({"box_id": "box"}),
    "filing.move_box": Thing({"box_id": "box"}, {"place": "别村"}),
    "filing.disposal_list": Thing({"list_id": "list"}),
    "filing.call_off_disposal": Thing({"list_id": "list"}, _REASON),
    "filing.disposal_pdf": Thing({"list_id": "list"}),
    "filing.settle_divergence": Thing({"divergence_id": "divergence"}, {"choice": "held"}),
    "filing.from_registry": Thing(_DOCUMENT, {"class_code": "WS"}),
    "filing.settle": Thing({"objection_id": "objection"}),
    "filing.order": Thing({"category_id": "category"}),
    "filing.move": Thing({"category_id": "category"}, {"move": "@record:1"}),
    "filing.sort": Thing({"category_id": "category"}, {"by": "date"}),
    "filing.undo": Thing({"step_id": "step"}),
    **{
        f"intake.{name}": Thing(_INTAKE)
        for name in (
            "show", "columns", "discard", "files", "drop_files", "rejected", "resume", "stop",
            "take",
        )
    },
    "intake.add_sheet": Thing(_INTAKE, status=422),
    "jobs.show": Thing({"job_id": "job"}),
    "jobs.progress": Thing({"job_id": "job"}),
    "jobs.stop": Thing({"job_id": "job"}),
    "registry.show": Thing(_DOCUMENT),
    "registry.act": Thing({**_DOCUMENT, "verb": "close"}, _REASON),
    "registry.edit": Thing(_DOCUMENT, {"title": "别村"}),
    "registry.file": Thing({**_DOCUMENT, "file_id": "paper"}),
    "registry.remove_file": Thing({**_DOCUMENT, "file_id": "paper"}),
    "registry.upload": Thing(_DOCUMENT),
    "submissions_api.show": Thing({"submission_id": "submission"}),
    "transfer.show": Thing(_BATCH),
    "transfer.act": Thing({**_BATCH, "verb": "approve"}),
    "transfer.form": Thing(_BATCH),
    "transfer.form_as_pdf": Thing(_BATCH),
    "transfer.inspection_report": Thing({**_BATCH, "kind": "pdf"}),
    "transfer.opinions": Thing(_BATCH, {"record": "x"}),
    "transfer.receipt": Thing(_BATCH),
    "transfer.record": Thing({**_BATCH, "offer_id": "offer"}),
    "transfer.take_out": Thing(_BATCH, {"record": "x"}),
    "transfer.gaps": Thing({"fonds_id": "fonds"}),
    "transfer.gaps_file": Thing({"fonds_id": "fonds", "form": "csv"}),
    "transfer.aside": Thing({"notice_id": "notice"}),
}  # fmt: skip
