"""The hub for gunicorn: `gunicorn -c deploy/gunicorn.conf.py hub.wsgi:application`.

The folder is named by `DANGLIAN_DIR`, the number of trusted proxies by `DANGLIAN_PROXIES`. The
loops that talk to the nodes run in a process of their own: `danglian hub run`, or a worker.
"""

from __future__ import annotations

import os
from pathlib import Path

from hub.app import make_app
from hub.federation.places import HubFolder
from shared.kernel.errors import Invalid


def _folder() -> HubFolder:
    path = os.environ.get("DANGLIAN_DIR", "")
    if not path:
        raise Invalid("DANGLIAN_DIR", "没有指明平台的数据目录。", "请设置环境变量 DANGLIAN_DIR。")
    return HubFolder(Path(path))


application = make_app(_folder(), proxies=int(os.environ.get("DANGLIAN_PROXIES", "1")))
