"""The door of filing: its verbs, for pages, commands, intake, transfer and sync.

Every verb takes who acts first, asks for a clerk of the record's fonds, writes one audit event,
and never commits. A record is told to the hub from `filed` on, at every change, each time as the
next version.
"""

from node.filing.access import fonds_seen, ids_seen, record_of, records_to_change
from node.filing.adoption import (
    adopt_correction,
    adopt_held,
    begin_adoption,
    finish_adoption,
)
from node.filing.arranging import (
    arrange,
    category_of,
    in_category,
    move,
    reorder,
    sort_category,
)
from node.filing.attaching import attach, detach, documents_of, files_of
from node.filing.closing import (
    Preview,
    close_class,
    closed_classes,
    is_closed,
    open_classes,
    preview_closing,
)
from node.filing.collecting import (
    Collected,
    Holder,
    codes_in_use,
    collect,
    collect_many,
    discard,
    holders_in_use,
    keys_in_use,
)
from node.filing.disposal import dispose, extend, ran_out
from node.filing.divergences import (
    differences,
    divergence_listing,
    open_divergences,
    settle_divergence,
)
from node.filing.editing import (
    edit,
    edit_returned,
    open_objections,
    set_opinions,
    settle_objection,
)
from node.filing.from_registry import send_to_filing
from node.filing.handover import (
    mark_offered,
    mark_received,
    mark_returned,
    mark_withdrawn,
    note_refusal,
    records_for_transfer,
    records_named,
    with_whole_volumes,
)
from node.filing.late import file_late, move_filed, remove_filed
from node.filing.models import (
    Box,
    Category,
    ClosedClass,
    ComputerFile,
    Document,
    Event,
    Record,
    Step,
)
from node.filing.notes import note_values, notes_of, write_note
from node.filing.numbering import (
    CategoryGaps,
    Plan,
    check_gaps,
    clear_drafts,
    draft_numbers,
    plan_numbers,
)
from node.filing.places import box_counts, box_of, boxes, move_box
from node.filing.putting_back import put_back
from node.filing.queries import (
    Filter,
    categories,
    counts_by_state,
    distinct_values,
    events_of,
    inside,
    listing,
    objected,
    open_objection_counts,
    organs,
    referenced_digests,
)
from node.filing.undoing import last_step, undo
from node.filing.values import COLLECT_FIELDS, DESCRIPTION_FIELDS, PLACE_FIELDS, check_values
from node.filing.volumes import candidates, put_into, take_out
from node.filing.wire import wire, wires

__all__ = [
    "COLLECT_FIELDS",
    "DESCRIPTION_FIELDS",
    "PLACE_FIELDS",
    "Box",
    "Category",
    "CategoryGaps",
    "ClosedClass",
    "Collected",
    "ComputerFile",
    "Document",
    "Event",
    "Filter",
    "Holder",
    "Plan",
    "Preview",
    "Record",
    "Step",
    "adopt_correction",
    "adopt_held",
    "arrange",
    "attach",
    "begin_adoption",
    "box_counts",
    "box_of",
    "boxes",
    "candidates",
    "categories",
    "category_of",
    "check_gaps",
    "check_values",
    "clear_drafts",
    "close_class",
    "closed_classes",
    "codes_in_use",
    "collect",
    "collect_many",
    "counts_by_state",
    "detach",
    "differences",
    "discard",
    "dispose",
    "distinct_values",
    "divergence_listing",
    "documents_of",
    "draft_numbers",
    "edit",
    "edit_returned",
    "events_of",
    "extend",
    "file_late",
    "files_of",
    "finish_adoption",
    "fonds_seen",
    "holders_in_use",
    "ids_seen",
    "in_category",
    "inside",
    "is_closed",
    "keys_in_use",
    "last_step",
    "listing",
    "mark_offered",
    "mark_received",
    "mark_returned",
    "mark_withdrawn",
    "move",
    "move_box",
    "move_filed",
    "note_refusal",
    "note_values",
    "notes_of",
    "objected",
    "open_classes",
    "open_divergences",
    "open_objection_counts",
    "open_objections",
    "organs",
    "plan_numbers",
    "preview_closing",
    "put_back",
    "put_into",
    "ran_out",
    "record_of",
    "records_for_transfer",
    "records_named",
    "records_to_change",
    "referenced_digests",
    "remove_filed",
    "reorder",
    "send_to_filing",
    "set_opinions",
    "settle_divergence",
    "settle_objection",
    "sort_category",
    "take_out",
    "undo",
    "wire",
    "wires",
    "with_whole_volumes",
    "write_note",
]
