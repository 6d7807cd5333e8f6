"""Every route of the hub, and what a person of another county is to find there."""

from __future__ import annotations

from tests.crossings import DOORS as OF_BOTH
from tests.crossings import OF_ALL as FOR_ALL
from tests.crossings import OWN as EACH_OWN
from tests.crossings import Thing

#: Without a sign-in, and about nobody's records: what they take is a password, a code, a signature.
DOORS = OF_BOTH | {
    "federation_api.enrol_node", "node_requests.answer_greeting", "node_requests.answer_request",
    "sso.back", "sso.start", "sso.back_channel_logout",
    # what is opened to the public, and papers that name their own code
    "harvesting.harvest", "harvesting.schema", "verification.index", "lookup_api.verify_paper",
    # for consumers, who show a token of theirs
    "oauth_metadata.metadata", "oauth_api.give_token", "oauth_api.keys", "consumers_api.me",
    "queue_api.show_queue", "queue_api.tell_again",
}  # fmt: skip

#: Without a sign-in, by the token of a grant that one node was given for one thing.
BY_TOKEN = {
    "bundles_api.bundle_part": {"bundle_id": "bundle", "number": "1"},
    "uploads_api.present_parts": {"upload_id": "upload"},
    "uploads_api.put_part": {"upload_id": "upload", "number": "1"},
}

#: About whoever asks, or about what is no unit's own.
OWN = EACH_OWN | {
    "sso.authorize", "review.static",
    # which other bodies read what is shared is the platform's; who may change it, test_approval
    "consumers.show", "consumers.change", "consumers.rotate", "consumers.public_keys",
    "consumers.move", "consumers.requests", "consumers.export",
    "pushing.show", "pushing.address", "pushing.rotate", "pushing.move", "pushing.queue",
    # what is published of the resource catalogue is for everybody who is signed in
    "resources.by_code", "resources.version", "resources.export", "resources_api.one_resource",
}  # fmt: skip

#: For administrators of everything: no grant within one archive does.
OF_ALL = {each for each in FOR_ALL if not each.startswith("accounts.")} - {
    "audit_log.index", "audit_log.of",
} | {
    "letters.index", "letters.drop", "letters.replay", "parcels.index", "parcels.take",
    "parcels.write", "health_page.index",
}  # fmt: skip

#: Lists and counts: filtered in the query, so that nothing of 夷陵区's own is in them. Forms that
#: begin something new are among them, with what they offer to choose from.
LISTS: dict[str, dict[str, str]] = {
    "overview.index": {},
    "catalogue.index": {"q": "事项"},
    "catalogue.counts": {"by": "year"},
    "catalogue_api.find_records": {"q": "事项"},
    "catalogue_api.count_records": {"by": "year"},
    "corrections_api.corrections": {},
    "federation_api.list_archives": {},
    "federation_api.list_fonds": {},
    "federation_api.list_nodes": {},
    "review_api.batches": {},
    "archives.index": {},
    "archives.new_agreement": {},
    "correcting.index": {},
    "disposal.index": {"tab": "all"},
    "disposal.lists": {},
    "unit_lists.index": {},
    "copies.index": {},
    "disposal.new": {},
    "exports.index": {},
    "exports.new": {},
    "fixity.index": {"tab": "all"},
    "fonds.index": {},
    "fonds.new": {},
    "fonds.villages": {"division": "420506000000"},
    "custody.index": {},
    "nodes.index": {},
    "nodes.new": {},
    "nodes.free": {"division": "420506000000"},
    "receiving.index": {},
    "receiving.accessions": {},
    "review.index": {"tab": "all"},
    "rulesets.index": {},
    "sharing.index": {},
    "accounts.index": {},
    "accounts.new": {},
    "accounts.systems_index": {},
    "audit_log.index": {},
    "audit_log.of": {"subject": "hub"},
    "consumers.index": {},
    "consumers.new": {},
    "resources.index": {},
    "resources.new": {},
    "resources_api.list_resources": {},
    "resources_api.export_resources": {"format": "json"},
    "registrations.index": {},
    "registrations.new": {},
    "shared_api.read_feed": {},
    "shared_api.export_feed": {},
    "shared_api.prove": {},
    "lookup_api.look_up_record": {},
}

_REASON = {"reason": "外县想办"}
_YEARS = {"timing": "early", "first_year": "2010", "last_year": "2010", **_REASON}

#: Things of 夷陵区.
THINGS: dict[str, Thing] = {
    "catalogue.show": Thing({"record_id": "record"}),
    "catalogue_api.one_record": Thing({"record_id": "record"}),
    "corrections_api.correction": Thing({"correction_id": "correction"}),
    "corrections_api.decline": Thing({"correction_id": "correction"}, _REASON),
    "corrections_api.make": Thing(
        {"correction_id": "correction"}, {"values": {"title": "新题名"}, **_REASON}
    ),
    "corrections_api.correct": Thing(
        {"record_id": "record"}, {"values": {"title": "新题名"}, **_REASON}
    ),
    "corrections_api.declassify": Thing({"record_id": "record"}, _REASON),
    "correcting.declassify": Thing({"record_id": "record"}, _REASON),
    "correcting.show": Thing({"correction_id": "correction"}),
    "correcting.decline": Thing({"correction_id": "correction"}, _REASON),
    "correcting.make": Thing({"correction_id": "correction"}, {"title": "新题名", **_REASON}),
    "correcting.correct": Thing({"record_id": "record"}, {"title": "新题名", **_REASON}),
    "disposal.show": Thing({"appraisal_id": "appraisal"}),
    "disposal.move": Thing({"appraisal_id": "appraisal", "verb": "call_off"}, _REASON),
    "disposal.judge": Thing(
        {"appraisal_id": "appraisal"}, {"line": "x", "opinion": "destroy", **_REASON}
    ),
    "disposal.hold": Thing({"record_id": "record"}, _REASON),
    "disposal.sealed_list": Thing({"list_id": "list"}),
    "disposal.print_list": Thing({"list_id": "list"}),
    "copies.issue": Thing(
        {"record_id": "record"}, {"reader": "外县人", "purpose": "打听", "basis": "无"}
    ),
    "copies.show": Thing({"copy_id": "certified_copy"}),
    "copies.pdf": Thing({"copy_id": "certified_copy"}),
    "copies.withdraw": Thing({"copy_id": "certified_copy"}, _REASON),
    "unit_lists.show": Thing({"list_id": "unit_list"}),
    "unit_lists.print_list": Thing({"list_id": "unit_list"}),
    "unit_lists.paper": Thing({"list_id": "unit_list"}),
    "exports.show": Thing({"job_id": "job"}),
    "exports.go_on": Thing({"job_id": "job"}),
    "exports.remove": Thing({"job_id": "job"}),
    "exports.fetch": Thing({"job_id": "job"}),
    "jobs.show": Thing({"job_id": "job"}),
    "jobs.progress": Thing({"job_id": "job"}),
    "jobs.stop": Thing({"job_id": "job"}),
    "fixity.show": Thing({"place": "place"}),
    "fixity.look_again": Thing({"place": "place"}),
    "fixity.put_aside": Thing({"place": "place"}, {"name": "x", "copy": "first", **_REASON}),
    "fixity.inspect": Thing({"place": "place"}),
    "fixity.inspection": Thing({"archive": "archive", "wish": "stop"}),
    "federation_api.one_fonds": Thing({"fonds_id": "fonds"}),
    "fonds.show": Thing({"fonds_id": "fonds"}),
    "fonds.close": Thing({"fonds_id": "fonds"}, _REASON),
    "fonds.disclosure": Thing({"fonds_id": "fonds"}, {"class_WS": "full"}),
    "fonds.keeper": Thing({"fonds_id": "fonds"}, {"node": "x"}),
    "fonds.number": Thing({"fonds_id": "fonds"}, {"archive": "420506", "number": "J009"}),
    "fonds.rename": Thing({"fonds_id": "fonds"}, {"name": "新名", "since": "2026-01-01"}),
    "fonds.schedule": Thing({"fonds_id": "fonds"}, {"name": "表", "version": "1"}),
    "transfers.consent": Thing({"fonds_id": "fonds"}, _YEARS),
    "transfers.rule": Thing({"fonds_id": "fonds"}, {"earliest": "10"}),
    "fonds.succeed": Thing(
        {"fonds_id": "fonds"}, {"name": "新局", "since": "2026-01-01", **_REASON}
    ),
    "custody.show": Thing({"hand_over_id": "hand_over"}),
    "custody.call_off": Thing({"hand_over_id": "hand_over"}, _REASON),
    "custody.propose": Thing({"fonds_id": "fonds"}, {"node": "x", **_REASON}),
    "nodes.show": Thing({"node_id": "node"}),
    "nodes.rotate": Thing({"node_id": "node"}),
    "nodes.code": Thing({"node_id": "node"}),
    "nodes.grant": Thing({"node_id": "node"}),
    "nodes.notes": Thing({"node_id": "node"}, {"notes": "外县写的"}),
    "nodes.resume": Thing({"node_id": "node"}),
    "nodes.suspend": Thing({"node_id": "node"}, _REASON),
    "receiving_api.form": Thing({"batch_id": "batch"}),
    "receiving_api.sign": Thing({"batch_id": "batch"}),
    "receiving.show": Thing({"batch_id": "batch"}),
    "receiving.form": Thing({"batch_id": "batch"}),
    "receiving.receipt": Thing({"batch_id": "batch"}),
    "receiving.sign": Thing({"batch_id": "batch"}),
    "receiving.gaps": Thing({"fonds_id": "fonds"}),
    "receiving.gaps_file": Thing({"fonds_id": "fonds", "form": "csv"}),
    "review_api.batch": Thing({"batch_id": "batch"}),
    "review_api.conclude": Thing({"batch_id": "batch"}, {"outcome": "accepted"}),
    "review_api.decide": Thing({"batch_id": "batch"}, []),
    "review_api.inspection": Thing({"batch_id": "batch"}),
    "review_api.decide_items": Thing({"batch_id": "batch"}, []),
    "review_api.inspect_again": Thing({"batch_id": "batch"}),
    "review_api.stop_inspecting": Thing({"batch_id": "batch"}),
    "review_api.inspection_report": Thing({"batch_id": "batch"}),
    "review.batch": Thing({"batch_id": "batch"}),
    "review.return_cause": Thing({"batch_id": "batch", "code": "1-8"}),
    "review.conclude": Thing({"batch_id": "batch"}, {"outcome": "accepted"}),
    "review.inspect_again": Thing({"batch_id": "batch"}),
    "review.stop_inspecting": Thing({"batch_id": "batch"}),
    "review.report": Thing({"batch_id": "batch", "kind": "pdf"}),
    "review.decide_items": Thing({"batch_id": "batch"}),
    "review.record": Thing({"batch_id": "batch", "offer_id": "offer"}),
    "review.decide": Thing({"batch_id": "batch", "offer_id": "offer"}, {"outcome": "accepted"}),
    "review.file": Thing({"batch_id": "batch", "offer_id": "offer", "file_id": "file"}),
    "review.seals": Thing({"batch_id": "batch"}),
    "rulesets.show": Thing({"version": "version"}),
    "rulesets.draft": Thing({"archive": "archive"}, {"active_from": "2026-12-01", "approval": "x"}),
    "rulesets.drop": Thing({"archive": "archive"}),
    "rulesets.formats": Thing({"archive": "archive"}, {"own": "1", "format": "pdf"}),
    "rulesets.profile": Thing({"archive": "archive"}, {"form": "eep", "rule": "exc-c14n"}),
    "rulesets.items": Thing({"archive": "archive"}, {"pass_score": "60"}),
    "rulesets.schedule": Thing({"archive": "archive"}, {"name": "表"}),
    "rulesets.leave_out": Thing({"archive": "archive", "fonds_id": "fonds"}),
    "rulesets.rows": Thing({"digest": "digest"}),
    **{
        f"accounts.{name}": Thing({"account_id": "account"})
        for name in (
            "access_key",
            "issue_access_key",
            "revoke_access_key",
            "edit",
            "set_state",
            "reset",
            "ask_opening",
            "open_emergency",
            "seal",
            "reset_factors",
            "end_sessions_of",
            "unlock",
            "link",
        )
    },
    "accounts.propose": Thing({"account_id": "account", "kind": "account.delete"}, _REASON),
    "sharing.edit": Thing({"archive_code": "archive", "audience": "public"}, {"basis": "外县"}),
    "sharing.close": Thing({"archive_code": "archive", "audience": "public"}, {"basis": "外县"}),
    "sharing.withdraw": Thing({"record_id": "record"}, _REASON),
    "sharing.restore": Thing({"record_id": "record"}, _REASON),
    "resources.show": Thing({"resource_id": "resource"}),
    "resources.edit": Thing({"resource_id": "resource"}, {"name": "外县改的"}),
    "resources.move": Thing({"resource_id": "resource", "verb": "submit"}, _REASON),
    "registrations.show": Thing({"registration_id": "registration"}),
    "registrations.record": Thing({"registration_id": "registration"}),
    "registrations.change": Thing({"registration_id": "registration"}, {"name": "外县改的"}),
    "registrations.move": Thing({"registration_id": "registration", "verb": "approve"}, _REASON),
}
