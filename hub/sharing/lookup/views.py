"""The page 凭证核验, which everybody may open: is this paper genuine?"""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from hub.federation.edge import current_folder
from hub.sharing.lookup.braking import braked
from hub.sharing.lookup.verification import digest_of_file, verify
from shared.identity import public
from shared.kernel.errors import NotFound
from shared.web import Form, accepts_upload, current_database

blueprint = Blueprint("verification", __name__, url_prefix="/verify", template_folder="templates")

MOST_UPLOAD = 8 * 1024 * 1024


@blueprint.route("/", methods=["GET", "POST"])
@public
@accepts_upload(MOST_UPLOAD)
def index() -> ResponseReturnValue:
    """Ask by the code on the paper, with the file of it where somebody has that."""
    form = Form(request.form, defaults={"code": request.args.get("code", "")[:50]})
    found = None
    if request.method == "POST":
        with form.catching():
            file = request.files.get("file")
            content = file.read() if file is not None and file.filename else None
            digest = None if content is None else digest_of_file(content)
            database, store = current_database(), current_folder().store
            try:
                found = braked(lambda: verify(form["code"], digest, database=database, store=store))
            except NotFound as error:
                form.add_error(error)
    return form.answer("lookup/verify.html", found=found, most=MOST_UPLOAD)
