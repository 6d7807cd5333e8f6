"""The data folder of a hub: database, objects, uploads, keys, and what its settings name."""

from __future__ import annotations

import re
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from hub.federation.key_files import KeyFiles
from hub.federation.settings import HubSettings
from shared.kernel.database import Database
from shared.kernel.errors import Conflict, Invalid, NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.keys import Seal, SigningKey
from shared.kernel.migration import Schema, Standing, ahead, behind
from shared.kernel.settings import FILE_NAME, load_settings, save_settings, with_environment
from shared.messaging.link import Link
from shared.messaging.links import names_broker, open_link
from shared.packaging.time_stamps import HttpTimeStamper, TimeStamper
from shared.storage import FolderStaging, FolderStore, ObjectStore, Staging
from shared.verifier.certificates import Authorities
from shared.verifier.report import read_authorities

if TYPE_CHECKING:
    from shared.inspection.clamd import Clamd
    from shared.inspection.formats.remembering import Remembered
    from shared.packaging.status_service import StatusService
    from shared.seals.authorities import AuthoritiesFolder
    from shared.storage.bucket import Bucket

DATABASE_NAME = "hub.sqlite"
_MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
_MOST_SHARDS = 64
_ARCHIVE_CODE = re.compile(r"[0-9A-Za-z]{1,20}")

#: What a node may send in one go (protocol §1 and §6); announced at enrolment.
LIMITS = {"inline_package": 65536, "run_entries": 1000, "run_bytes": 1024 * 1024}


class HubKeys:
    """The keys of a hub: its own, and one seal for each archive. Never in a backup."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hub(self) -> SigningKey:
        """The hub's key: signs envelopes, verdicts and fonds assignments, also in transactions.

        Raises WrongState when it was put into a service.
        """
        key = self.hub_files().current()
        if not isinstance(key, SigningKey):
            raise WrongState(
                "平台自己的密钥不能放在签名服务里。", "请从封存的介质拷回 keys/hub.key。"
            )
        return key

    def seal(self, archive_code: str) -> Seal:
        """The seal of an archive: signs forms and receipts, never inside a transaction.

        It may be kept by a device or a service (`danglian hub keys roll --service`).
        """
        return self.seal_files(archive_code).current()

    def make_seal(self, archive_code: str) -> Seal:
        """The seal of an archive that is new here; made at the first call."""
        return self.seal_files(archive_code).make()

    def hub_files(self) -> KeyFiles:
        """The files of the hub's key."""
        return KeyFiles(self._folder, "hub")

    def seal_files(self, archive_code: str) -> KeyFiles:
        """The files of an archive's seal."""
        if not _ARCHIVE_CODE.fullmatch(archive_code):
            raise Invalid("archive", f"档案馆代码“{archive_code}”不正确。", "请从档案馆列表选择。")
        return KeyFiles(self._folder, f"seal-{archive_code}")


class HubFolder:
    """The hub's data folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._new: HubSettings | None = None

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        name: str,
        city: str,
        port: int = 8060,
        database: str = "",
        factor_for_administrators: bool = False,
    ) -> HubFolder:
        """Begin a new data folder, with the hub's key; `establish` makes it one that can run.

        Raises Conflict when there is a hub in it.
        """
        folder = cls(path)
        if folder.exists:
            raise Conflict(
                f"{folder.path} 已经是一个平台的数据目录。", "请换一个空目录，或直接运行它。"
            )
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        link = f"embedded://{folder.path / 'link.sqlite'}"
        folder._new = HubSettings(
            name=name,
            hub_id=new_id(),
            city=city,
            port=port,
            link=link,
            database=database,
            factor_for_administrators=factor_for_administrators,
        )
        folder.keys.hub_files().make()
        return folder

    @classmethod
    def rebuild(
        cls,
        path: Path,
        *,
        name: str,
        hub_id: str,
        city: str,
        store: str,
        database: str = "",
        second_store: str = "",
    ) -> HubFolder:
        """Begin, or go on with, the new data folder of a hub that there was; see `create`."""
        folder = cls(path)
        if folder.exists:
            raise Conflict(
                f"{folder.path} 已经是一个平台的数据目录。",
                "重建要在新的目录里进行；这个平台要补齐，请运行 danglian hub recover。",
            )
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        link = f"embedded://{folder.path / 'link.sqlite'}"
        folder._new = HubSettings(
            name=name,
            hub_id=hub_id,
            city=city,
            link=link,
            store=store,
            second_store=second_store,
            database=database,
        )
        return folder

    def establish(self) -> None:
        """Write the settings: from here on the folder holds a hub."""
        save_settings(self._new or self.settings, self.path)

    @property
    def exists(self) -> bool:
        """Whether this folder holds a hub."""
        return (self.path / FILE_NAME).exists()

    @cached_property
    def settings(self) -> HubSettings:
        """The settings. Raises NotFound when this is no hub's folder, Invalid for a wrong one."""
        if self._new is not None:
            return with_environment(self._new)
        if not self.exists:
            raise self._no_hub()
        settings = load_settings(HubSettings, self.path)
        if settings.grant_policy not in {"ask", "auto"}:
            raise Invalid(
                "grant_policy",
                f"设置项“grant_policy”的值“{settings.grant_policy}”不对。",
                "应为 ask（由管理员确认）或 auto（自动确认）。",
            )
        if settings.zone not in {"", "lan", "government"}:
            raise Invalid(
                "zone",
                f"设置项“zone”的值“{settings.zone}”不对。",
                "应为 lan（局域网）、government（政务网），或留空（只有一个网络）。",
            )
        if not 1 <= settings.shards <= _MOST_SHARDS:
            raise Invalid(
                "shards",
                f"设置项“shards”的值 {settings.shards} 不对。",
                f"应为 1 到 {_MOST_SHARDS}。",
            )
        return settings

    def _no_hub(self) -> NotFound:
        return NotFound(
            f"{self.path} 不是市级平台的数据目录。", "请先运行 danglian hub init 建立。"
        )

    @property
    def address(self) -> str:
        """Where nodes and browsers reach this hub."""
        settings = self.settings
        return settings.public_url or f"http://{settings.host}:{settings.port}"

    @property
    def link_for_nodes(self) -> str:
        """The address of the link as nodes are told it."""
        return self.settings.node_link or self.settings.link

    @property
    def broker_account(self) -> tuple[str, str]:
        """The hub's user and password on the broker."""
        return self.settings.broker_user, self.settings.broker_password

    @cached_property
    def broker_ca(self) -> str:
        """The certificate (PEM) that the broker's must lead to; empty for the system's."""
        if not self.settings.broker_ca:
            return ""
        try:
            return Path(self.settings.broker_ca).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(
                "broker_ca",
                f"设置项“broker_ca”的文件 {self.settings.broker_ca} 读不出来。",
                "应为 PEM 格式的证书文件。",
            ) from error

    @cached_property
    def time_stamper(self) -> TimeStamper | None:
        """What stamps receipts; None without an authority. Raises Invalid for a wrong setting."""
        settings = self.settings
        if not settings.stamp_url:
            return None
        try:
            roots = read_authorities([Path(settings.stamp_authorities)], (), ())
        except (OSError, ValueError):
            roots = Authorities()
        if not roots.trusted:
            raise Invalid(
                "stamp_authorities",
                f"设置项“stamp_authorities”的文件“{settings.stamp_authorities}”里没有证书。",
                "应为时间戳服务的根证书文件（PEM）。",
            )
        return HttpTimeStamper(
            settings.stamp_url, roots, settings.stamp_policy, float(settings.stamp_timeout)
        )

    @cached_property
    def status_service(self) -> StatusService | None:
        """What is asked at receipt for the state of certificates; None without the setting."""
        from shared.packaging.status_service import FirstToAnswer, HttpStatusService

        timeout = float(self.settings.status_timeout)
        found = [HttpStatusService(each, timeout) for each in self.settings.status_url.split()]
        return FirstToAnswer(found) if found else None

    @cached_property
    def seal_authorities(self) -> AuthoritiesFolder | None:
        """Who counts for seals; None without the setting. Raises Invalid for a wrong one."""
        from shared.seals.authorities import AuthoritiesFolder

        path = self.settings.seal_authorities
        return AuthoritiesFolder(Path(path)) if path else None

    @cached_property
    def clamd(self) -> Clamd | None:
        """The virus scanner; None without the setting. Raises Invalid for a wrong one."""
        from shared.inspection.clamd import Clamd

        return Clamd(self.settings.clamd) if self.settings.clamd else None

    @cached_property
    def remembered(self) -> Remembered:
        """What inspections have seen, by digest: one file for all workers of this host."""
        from shared.inspection.formats.remembering import Remembered

        return Remembered(self.path / "inspected.sqlite")

    def open_link(self) -> Link:
        """The link to the nodes."""
        return open_link(self.settings.link, account=self.broker_account, ca=self.broker_ca)

    @property
    def shards(self) -> int:
        """How many queues the hub receives in; the embedded link has one."""
        return self.settings.shards if names_broker(self.settings.link) else 1

    @property
    def database_file(self) -> Path | None:
        """The file of the database; None when it is on a server."""
        return None if self.settings.database else self.path / DATABASE_NAME

    @cached_property
    def schema(self) -> Schema:
        """The tables of the database, whatever form they have. Raises NotFound without a hub."""
        if not self.exists and self._new is None:
            raise self._no_hub()
        # By name, because what belongs to a whole hub stands above this room: its tables, and who
        # listens to which event.
        for assembly in ("hub.schema", "hub.events"):
            import_module(assembly)
        address = self.settings.database or f"sqlite:///{self.database_file}"
        return Schema(Database(address, ("shared", "hub")), _MIGRATIONS)

    @cached_property
    def _database(self) -> Database:
        match self.schema.standing():
            case Standing.EMPTY:
                self.schema.make()
            case Standing.BEHIND:
                raise behind(f"danglian hub migrate --dir {self.path}")
            case Standing.AHEAD:
                raise ahead()
        return self.schema.database

    def database(self) -> Database:
        """The hub's database, with all its tables.

        Raises NotFound when there is no hub here, WrongState when the tables are those of another
        version of the program.
        """
        return self._database

    @cached_property
    def store(self) -> ObjectStore:
        """The object store: what the archives keep. Raises Invalid for a wrong address."""
        if not self._has_bucket:
            return FolderStore(Path(self.settings.store or self.path / "store"))
        from shared.storage.s3_store import S3Store

        return S3Store(self._bucket.below("repository"))

    @cached_property
    def second_store(self) -> ObjectStore | None:
        """The store of the second copies; None for none. Raises Invalid for a wrong setting."""
        settings = self.settings
        address = settings.second_store
        if not address:
            return None
        if address.startswith(("s3://", "s3+http://")):
            from shared.storage.bucket import Bucket
            from shared.storage.s3_store import S3Store

            keys = settings.second_store_access_key, settings.second_store_secret_key
            return S3Store(Bucket(address, *keys).below("repository"))
        path = Path(address)
        own, there = self.path / "store", path.resolve()
        is_within = there.is_relative_to(own) or own.is_relative_to(there)
        if not path.is_absolute() or not path.is_dir() or is_within:
            raise Invalid(
                "second_store",
                f"设置项“second_store”的值“{address}”不对。",
                "应为另一块磁盘上已有目录的完整路径，或 s3://server:8333/bucket 的样子。",
            )
        return FolderStore(path)

    @cached_property
    def staging(self) -> Staging:
        """Uploads under way; nothing in it is trusted."""
        if not self._has_bucket:
            return FolderStaging(self.path / "staging")
        from shared.storage.s3_staging import S3Staging

        return S3Staging(self._bucket.below("staging"))

    @property
    def _has_bucket(self) -> bool:
        """Whether the setting names a service. Raises Invalid for what is no folder either."""
        store = self.settings.store
        if "://" in store:
            return True
        if store and not Path(store).is_absolute():
            raise Invalid(
                "store",
                f"设置项“store”的值“{store}”不对。",
                "应为 s3://server:8333/bucket 的样子，或馆藏文件夹的完整路径。",
            )
        return False

    @cached_property
    def _bucket(self) -> Bucket:
        # Late, because only hubs that ask for it have the client installed.
        from shared.storage.bucket import Bucket

        settings = self.settings
        return Bucket(settings.store, settings.store_access_key, settings.store_secret_key)

    @cached_property
    def keys(self) -> HubKeys:
        """The hub's key and the archives' seals."""
        return HubKeys(self.path / "keys")
