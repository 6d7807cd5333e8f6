"""The data folder of a node: settings, database, files, packages, keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from shared.audit import depend_on_witness
from shared.kernel.database import Database
from shared.kernel.errors import NotFound
from shared.kernel.files import write_atomically
from shared.kernel.keys import PublicKey, Seal, SigningKey, ensure_key
from shared.kernel.migration import Schema, Standing, ahead
from shared.kernel.settings import FILE_NAME, load_settings
from shared.kernel.signing_service import ServiceSeal, SigningService
from shared.storage import FolderStaging, FolderStore

if TYPE_CHECKING:
    from shared.seals.authorities import AuthoritiesFolder

_MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"


@dataclass(frozen=True)
class NodeSettings:
    """What can be set for a node (`settings.toml`, or `DANGLIAN_…` variables).

    Attributes:
        name: name of the office, shown on every page.
        slug: short name in addresses when one process serves several nodes.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        hub_url: address of the hub's web interface; empty takes the one of the enrolment.
        link: `embedded:///path/to/link.sqlite`; empty takes what the hub announced.
        hello_seconds: how often the node greets the hub.
        retransmit_seconds: how long to wait for an acknowledgement before sending again.
        reconcile_hours: how often the node compares with the hub by itself; 0 for never.
        seal_authorities: path of the folder with who counts for seals, see
            `shared.seals.authorities`; empty for nobody.
        seal_service: where the unit's seal is kept when it is not in this folder, see
            `shared.kernel.signing_service`; empty for in this folder.
        media_decoder: whole path of the program ffmpeg, which decodes sound and film to the end
            when they are inspected; empty for none.
        sign_in_through_hub: whether people may sign in with their account at the hub.
        accounts_minutes: how often the hub is asked what has become of these accounts.
        offline_days: for how many days without the hub they may sign in with a local password.
        password_length: the least number of characters of a password.
        password_kinds: of how many kinds of characters it has to be: lower and upper case letters,
            digits, others.
        password_days: after how many days it has to be changed; 0 for never.
        first_password_days: for how many days a password is good that an administrator gave.
        lock_after: after how many failures in a row an account is locked.
        lock_minutes: for how long at first; each further lock lasts twice as long.
        session_hours: a sign-in ends after so many hours, whatever happens.
        idle_minutes: a browser's sign-in ends when nothing happened for so long.
        factor_for_administrators: whether administrators need a second factor.
        requests_per_minute: how many requests one account may make in a minute; 0 for any number.
        changes_per_minute: how many forms one account may send from pages; 0 for any number.
        address_requests_per_minute: how many may come from one address; 0 for any number.
        proxies: how many trusted reverse proxies stand before this process: from the outermost of
            their addresses an act is said to come. 0 for none.
        hosts: names and addresses under which browsers reach the pages, with commas between, beside
            those that are known; a request for another is refused.
        audit_witness_hours: for how many hours on line the hub may not have kept the end of the
            log before handing over and exporting wait.
        audit_months: for how many months events of the log stay on line, 6 at least; older ones
            are kept as signed files.
        audit_downloads: from how many downloads of one account in a day the log's page names it.
        audit_refusals: from how many refused tries of one account in a day.
        audit_night: from which hour to which a sign-in is named, like `22-6`; empty for never.
    """

    name: str
    slug: str = "node"
    host: str = "127.0.0.1"
    port: int = 8070
    hub_url: str = ""
    link: str = ""
    hello_seconds: int = 60
    retransmit_seconds: int = 30
    reconcile_hours: int = 24
    seal_authorities: str = ""
    seal_service: str = ""
    media_decoder: str = ""
    sign_in_through_hub: bool = True
    accounts_minutes: int = 10
    offline_days: int = 30
    password_length: int = 12
    password_kinds: int = 1
    password_days: int = 0
    first_password_days: int = 7
    lock_after: int = 5
    lock_minutes: int = 10
    session_hours: int = 12
    idle_minutes: int = 30
    factor_for_administrators: bool = False
    requests_per_minute: int = 1200
    changes_per_minute: int = 600
    address_requests_per_minute: int = 6000
    proxies: int = 0
    hosts: str = ""
    audit_witness_hours: int = 24
    audit_months: int = 6
    audit_downloads: int = 100
    audit_refusals: int = 10
    audit_night: str = "22-6"


class NodeKeys:
    """The keys of a node; made at the first use, never in a backup."""

    def __init__(self, folder: Path, seal_service: str = "") -> None:
        self._folder = folder
        self._seal_service = seal_service

    def device(self) -> SigningKey:
        """The device key: signs envelopes."""
        return ensure_key(self._folder / "device.key")

    def seal(self) -> Seal:
        """The unit's seal: signs packages and forms.

        Of one that a service keeps, the public half lies here from the first use on, so that
        another key in its place is noticed. Raises Unavailable.
        """
        if not self._seal_service:
            return ensure_key(self._folder / "seal.key")
        service, known = SigningService(self._seal_service), self._folder / "seal.public"
        if not known.exists():
            known.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(known, service.public_key().hex.encode())
        return ServiceSeal(PublicKey.from_hex(known.read_text()), service)


class NodeFolder:
    """One node's data folder. A node is this folder, not a PC."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    @property
    def exists(self) -> bool:
        """Whether this folder holds a node."""
        return (self.path / FILE_NAME).exists()

    @cached_property
    def settings(self) -> NodeSettings:
        """The settings. Raises NotFound when this is no node's folder."""
        self._require_node()
        return load_settings(NodeSettings, self.path)

    def _require_node(self) -> None:
        if not self.exists:
            raise NotFound(
                f"{self.path} 不是本系统的数据目录。", "请先运行 danglian node init 建立。"
            )

    @cached_property
    def seal_authorities(self) -> AuthoritiesFolder | None:
        """Who counts for seals; None without the setting. Raises Invalid for a wrong one."""
        from shared.seals.authorities import AuthoritiesFolder

        path = self.settings.seal_authorities
        return AuthoritiesFolder(Path(path)) if path else None

    @cached_property
    def _database(self) -> Database:
        # By name: the tables belong to rooms above this one, which import this room themselves.
        import_module("node.schema")
        self._require_node()
        path = self.path / "node.sqlite"
        schema = Schema(Database.in_file(path, ("shared", "node")), _MIGRATIONS)
        match schema.standing():
            case Standing.EMPTY:
                schema.make()
            case Standing.BEHIND:
                # Nobody sits at a village's PC who could do it: a node moves on by itself.
                schema.keep_copy(path)
                schema.upgrade()
            case Standing.AHEAD:
                raise ahead()
        limit = timedelta(hours=self.settings.audit_witness_hours)
        depend_on_witness(schema.database, "hub", limit)
        return schema.database

    def database(self) -> Database:
        """The node's database, with all its tables; an older one is brought up to date first.

        Raises WrongState when a newer version of the program has made it, NotFound when this is no
        node's folder.
        """
        return self._database

    @cached_property
    def files(self) -> FolderStore:
        """Computer files by digest."""
        return FolderStore(self.path / "files")

    @cached_property
    def packages(self) -> FolderStore:
        """Packages that were offered, by digest."""
        return FolderStore(self.path / "packages")

    @cached_property
    def bundles(self) -> FolderStore:
        """Bundles of hand-overs of whole fonds, by digest."""
        return FolderStore(self.path / "bundles")

    @cached_property
    def older_log(self) -> FolderStore:
        """Signed files of the log's older events."""
        return FolderStore(self.path / "audit")

    @cached_property
    def incoming(self) -> FolderStaging:
        """Bundles that are being fetched, in parts."""
        return FolderStaging(self.path / "incoming")

    @cached_property
    def keys(self) -> NodeKeys:
        """Device key and seal."""
        return NodeKeys(self.path / "keys", self.settings.seal_service)
