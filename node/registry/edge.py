"""What the pages of a node share: the node's folder, and a file that goes out to the reader."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable
from urllib.parse import quote

from flask import Response, current_app, request
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from node.office.places import NodeFolder
from node.office.service import require_writable
from node.registry.files import open_file
from shared.kernel.errors import Invalid, NotFound
from shared.web import download

FOLDER = "danglian.node"
#: A form with files: what is above this limit is refused with a sentence, before it is stored.
MOST_UPLOAD = 2 * 1024**3 + 1024**2


def current_folder() -> NodeFolder:
    """The data folder of the node that answers this request."""
    folder = current_app.extensions[FOLDER]
    assert isinstance(folder, NodeFolder)  # noqa: S101 - `make_node_app` put it there
    return folder


def refuse_early(fonds_id: str, session: Session) -> None:
    """Before a form is shown: raise what its verb would only raise once it is filled in.

    One that was open already is left to its verb, so that what was typed stays on the page.
    """
    if request.method == "GET":
        require_writable(fonds_id, session)


def chosen_files(name: str = "file") -> list[FileStorage]:
    """The files that were chosen in a form; may be none."""
    return [file for file in request.files.getlist(name) if file.filename]


def require_files(name: str = "file") -> list[FileStorage]:
    """The files that were chosen in a form. Raises Invalid when there is none."""
    found = chosen_files(name)
    if not found:
        raise Invalid(name, "没有选择文件。", "请选择要上传的文件。", code="no_file")
    return found


def send_stored(sha256: str, name: str) -> Response:
    """A stored computer file, under the name that people gave it; PDF and images are shown."""
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    try:
        stream = open_file(current_folder().files, sha256)
    except NotFound:
        raise NotFound(
            "本机没有这个电子文件的内容。",
            "它可能保存在另一台电脑，或尚未从备份恢复；请联系系统管理员。",
            code="no_bytes",
        ) from None
    return download(stream, name, media_type, inline=True)


def fragment(values: Iterable[tuple[str, object]]) -> str:
    """A query string of what is not empty."""
    return "&".join(f"{name}={quote(str(value))}" for name, value in values if value)
