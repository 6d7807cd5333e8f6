"""What the API of the services for other platforms takes and gives."""

from marshmallow import Schema, fields, validate

from hub.sharing.lookup.service import PURPOSES
from hub.sharing.lookup.verification import KINDS, VALID, WITHDRAWN
from shared.records.text import CODE_LENGTH, NAME_LENGTH, TITLE_LENGTH


class VerificationSchema(Schema):
    code = fields.String(
        required=True,
        validate=validate.Length(min=1, max=50),
        metadata={"description": "the paper's id: `receipt_id` and the like"},
    )
    sha256 = fields.String(
        validate=validate.Regexp(r"[0-9a-fA-F]{64}\Z"),
        metadata={
            "description": "SHA-256 of the paper's canonical JSON; of a certified copy also of "
            "its PDF or of a file that it certifies"
        },
    )


class GenuineSchema(Schema):
    code = fields.String()
    kind = fields.String(validate=validate.OneOf(list(KINDS)))
    name = fields.String(metadata={"description": "what the paper is, in Chinese"})
    archive_code = fields.String()
    archive_name = fields.String()
    at = fields.String(metadata={"description": "when it was signed"})
    count = fields.Integer(
        allow_none=True, metadata={"description": "how many records it is about"}
    )
    sha256 = fields.String()
    matches = fields.Boolean(
        allow_none=True, metadata={"description": "whether the given digest is the paper's"}
    )
    state = fields.String(validate=validate.OneOf([VALID, WITHDRAWN]))
    withdrawn_at = fields.String(allow_none=True)
    pdf_sha256 = fields.String(
        allow_none=True, metadata={"description": "of a certified copy: the digest of its PDF"}
    )


class LookupSchema(Schema):
    number = fields.String(
        required=True,
        validate=validate.Length(min=1, max=CODE_LENGTH),
        metadata={"description": "档号 or 文号"},
    )
    title = fields.String(
        required=True,
        validate=validate.Length(min=1, max=TITLE_LENGTH),
        metadata={"description": "题名, whole"},
    )
    purpose = fields.String(required=True, validate=validate.OneOf(list(PURPOSES)))
    matter = fields.String(
        required=True,
        validate=validate.Length(min=1, max=NAME_LENGTH),
        metadata={"description": "办件编号: the matter for which it is asked"},
    )


class AnswerSchema(Schema):
    lookup_id = fields.String(metadata={"description": "under what the audit log has it"})
    exists = fields.Boolean()
    archive_code = fields.String(allow_none=True)
    archive_name = fields.String(allow_none=True)
