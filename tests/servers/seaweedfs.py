"""A private SeaweedFS: the S3 service of the tests."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

from minio import Minio

from shared.demo.servers.seaweedfs import remove_sockets

ACCESS_KEY, SECRET_KEY = "danglian", "made-up-for-this-run"
_SECONDS_TO_START = 180


class SeaweedFS:
    """One server with all its parts in one process; its data outlives `kill`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = free_ports(4)
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        identity = {
            "name": "danglian",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))

    @property
    def port(self) -> int:
        """Where its S3 side listens."""
        return self._ports[3]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def address(self, bucket: str) -> str:
        return f"s3+http://{self.host}/{bucket}"

    def start(self) -> None:
        master, volume, filer, s3 = self._ports
        data = self._folder
        with (data / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(Path(sys.executable).with_name("weed")), "-logtostderr=true", "server"),
                    *(f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
                    *(f"-master.port={master}", "-master.telemetry=false"),
                    # Each bucket takes seven volumes at once: so many must have room on the disk.
                    *("-master.volumeSizeLimitMB=128", "-master.electionTimeout=1s"),
                    *(f"-volume.port={volume}", "-volume.max=0", "-volume.preStopSeconds=1"),
                    *("-filer", f"-filer.port={filer}", f"-filer.localSocket={data}/f.sock"),
                    *("-s3", f"-s3.port={s3}", f"-s3.localSocket={data}/s.sock"),
                    *(f"-s3.config={data}/s3.json", "-s3.port.iceberg=0", "-s3.port.lance=0"),
                ],
                stdout=log,
                stderr=log,
            )
        self._wait_ready()

    def make_bucket(self, name: str) -> str:
        """An empty bucket; its address as the hub's setting `store` takes it."""
        self._client().make_bucket(name)
        return self.address(name)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            remove_sockets(self._ports)

    def _wait_ready(self) -> None:
        client = self._client()
        end = time.monotonic() + _SECONDS_TO_START
        while True:
            try:
                # Only an object that can be read shows that all parts have found each other.
                if not client.bucket_exists("ready"):
                    client.make_bucket("ready")
                    client.put_object("ready", "ready", io.BytesIO(b"ready"), 5)
                client.get_object("ready", "ready").close()
                return
            except Exception:
                if time.monotonic() > end or self._process is None or self._process.poll():
                    raise
                time.sleep(0.2)

    def _client(self) -> Minio:
        return Minio(self.host, access_key=ACCESS_KEY, secret_key=SECRET_KEY, secure=False)


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, with theirs + 10000 (where SeaweedFS speaks gRPC) free too."""
    found: list[int] = []
    port = 20_000 + time.monotonic_ns() % 20_000
    while len(found) < count:
        port = port + 1 if port < 45_000 else 20_000
        if _free(port) and _free(port + 10_000):
            found.append(port)
    return found


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
