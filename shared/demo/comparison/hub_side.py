"""The hub's side: its catalogue, its offers and receipts, the packages and later descriptions."""

from __future__ import annotations

import io
import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit
from zipfile import BadZipFile, ZipFile

from shared.demo.comparison.node_side import Connection, Row, open_read_only, rows_of
from shared.kernel.canonical import digest_of, sha256_hex


@dataclass(frozen=True)
class Package:
    """A package in the store, as its own bytes say."""

    name: str
    sha256: str
    record: Row
    offer_id: str
    files: Counter[str]
    trouble: str | None


@dataclass(frozen=True)
class Description:
    """What an archive made of a record after receipt, as it lies beside the package."""

    version: int
    record: Row
    trouble: str | None


@dataclass
class HubSide:
    """What the hub's database and store hold."""

    catalogue: dict[str, Row]
    digests: dict[str, str]
    offers: dict[str, Row]
    batches: dict[str, Row]
    receipts: list[Row]
    accessions: list[Row]
    kept: list[Row]
    packages: dict[str, list[Package]]
    descriptions: dict[str, list[Description]]


def read_hub(folder: Path) -> HubSide:
    """Read the hub's folder: the database, and every package that lies in its store."""
    settings = tomllib.loads((folder / "settings.toml").read_text(encoding="utf-8"))
    with closing(_database(folder, settings)) as database:
        catalogue = {}
        digests = {}
        for row in rows_of(database, "SELECT * FROM catalogue_record"):
            row["wire"] = json.loads(row["wire"])
            catalogue[row["id"]] = row
            digests[row["id"]] = digest_of(row["wire"])
        offers = {
            row["id"]: row
            for row in rows_of(
                database,
                "SELECT id, batch_id, record_id, record_version, record_digest, package_sha256, "
                "state FROM receiving_offer",
            )
        }
        batches = {row["id"]: row for row in rows_of(database, "SELECT * FROM receiving_batch")}
        receipts = rows_of(database, "SELECT * FROM receiving_receipt")
        for row in receipts:
            row["document"] = json.loads(row["document"])
        accessions = rows_of(database, "SELECT * FROM receiving_accession")
        kept = rows_of(database, "SELECT * FROM repository_package")
        noted = {
            row["name"]: row
            for row in rows_of(
                database, "SELECT name, sha256, record_id FROM repository_description"
            )
        }
    packages: dict[str, list[Package]] = {}
    described: dict[str, list[Description]] = {}
    kept_files = sorted(_objects(folder, settings))
    owners = dict(_owners(kept_files))
    for name, content in kept_files:
        path = PurePosixPath(name)
        if path.suffix == ".zip":
            package = read_package(content, name)
            # A package whose record cannot be read is still filed under its object's.
            record_id = str(package.record.get("id") or _owner(path, owners))
            packages.setdefault(record_id, []).append(package)
        elif path.match("description-*.json"):
            row = noted.pop(name, {})
            right = row.get("sha256") == sha256_hex(content)
            described.setdefault(_owner(path, owners), []).append(
                _read_description(content, path.name, None if right else "与馆藏登记不符")
            )
    for name, row in noted.items():
        missing = Description(_version(PurePosixPath(name).name), {}, "不在馆藏中")
        described.setdefault(row["record_id"], []).append(missing)
    return HubSide(
        catalogue, digests, offers, batches, receipts, accessions, kept, packages, described
    )


def _owners(files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, str]]:
    """The folder of each OCFL object with the id of its record, as its inventory says."""
    for name, content in files:
        path = PurePosixPath(name)
        if path.name == "inventory.json":
            try:
                named = str(json.loads(content)["id"])
            except (ValueError, KeyError):
                continue  # its files then belong to nobody, and the record is counted as lost
            yield str(path.parent), named.removeprefix("urn:uuid:")


def _owner(path: PurePosixPath, owners: Mapping[str, str]) -> str:
    """The record whose object holds a content file; its folder's name where nothing says so."""
    folder = path.parent.parent.parent
    return owners.get(str(folder), folder.name)


def _database(folder: Path, settings: Row) -> Connection:
    """The hub's database for reading, all over one moment."""
    address = str(settings.get("database") or "")
    if not address:
        database = open_read_only(folder / "hub.sqlite")
        database.execute("BEGIN")
        return database
    import psycopg

    server = psycopg.connect(address.replace("+psycopg", "", 1))
    server.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    server.read_only = True
    return server


def _objects(folder: Path, settings: Row) -> Iterator[tuple[str, bytes]]:
    """Every object that the archives keep: its name, its bytes."""
    address = str(settings.get("store") or "")
    if not address:
        store = folder / "store"
        for path in (store / "archives").rglob("*"):
            if path.is_file():
                yield path.relative_to(store).as_posix(), path.read_bytes()
        return
    from minio import Minio

    parts = urlsplit(address)
    keys = {name: settings[f"store_{name}"] for name in ("access_key", "secret_key")}
    client = Minio(parts.netloc, secure=parts.scheme == "s3", **keys)
    bucket = parts.path.strip("/")
    for listed in client.list_objects(bucket, "repository/archives/", recursive=True):
        name = str(listed.object_name)
        with closing(client.get_object(bucket, name)) as answer:
            yield name.removeprefix("repository/"), answer.read()


def _read_description(content: bytes, name: str, trouble: str | None) -> Description:
    """A corrected description as it lies in the store."""
    record: Row = {}
    try:
        document = json.loads(content)
        record = document["record"]
        if digest_of(record) != document["record_digest"]:
            trouble = trouble or "与所附摘要不符"
    except (KeyError, TypeError, ValueError) as error:
        trouble = trouble or f"打不开：{error}"
    return Description(_version(name), record, trouble)


def _version(file: str) -> int:
    return int(file.removeprefix("description-").removesuffix(".json"))


def read_package(content: bytes, name: str) -> Package:
    """Open one package and digest everything in it anew."""
    sha256 = sha256_hex(content)
    trouble = None if PurePosixPath(name).stem == sha256 else "它的字节与文件名中的摘要不符"
    record: Row = {}
    offer_id = ""
    files: Counter[str] = Counter()
    try:
        with ZipFile(io.BytesIO(content)) as package:
            manifest = json.loads(package.read("manifest.json"))
            record = json.loads(package.read("record.json"))
            offer_id = str(manifest["offer_id"])
            listed = {entry["path"]: entry for entry in manifest["entries"]}
            for entry in package.infolist():
                if entry.filename.startswith("content/"):
                    digest = sha256_hex(package.read(entry))
                    files[digest] += 1
                    if listed.get(entry.filename, {}).get("sha256") != digest:
                        trouble = trouble or f"其中的 {entry.filename} 与清单不符"
            if sha256_hex(package.read("record.json")) != listed["record.json"]["sha256"]:
                trouble = trouble or "其中的 record.json 与清单不符"
    except (BadZipFile, KeyError, ValueError, OSError) as error:
        trouble = trouble or f"打不开：{error}"
    return Package(name, sha256, record, offer_id, files, trouble)
