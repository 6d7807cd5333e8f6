"""The comparison: what was given, what each node has, what the hub has, what its packages hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from shared.demo.comparison.given import Given
from shared.demo.comparison.hub_side import HubSide, Package, read_hub
from shared.demo.comparison.node_side import PLAIN, NodeSide, Row, read_node
from shared.kernel.canonical import digest_of

Kind = Literal["lost", "doubled", "altered"]
#: Who answers for what no single node does, such as the accession register.
HUB = "hub"

_NUMBERED = ("filed", "offered", "received", "disposed")
#: What an archive may correct after receipt; nothing else may differ from the package.
_CORRECTABLE = ("title", "doc_no", "author", "date", "pages", "remark")


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it must be."""

    kind: Kind
    node: str
    subject: str
    sentence: str


@dataclass
class NodeFigures:
    """One line of the table."""

    name: str
    registered: int = 0
    filed: int = 0
    offered: int = 0
    received: int = 0
    returned: int = 0
    lost: int = 0
    doubled: int = 0
    altered: int = 0


@dataclass
class Comparison:
    """What the databases say, per node and as a whole."""

    figures: dict[str, NodeFigures]
    problems: list[Problem] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, doubled or altered."""
        return not self.problems

    def total(self, name: str) -> int:
        """The sum of one column."""
        return sum(getattr(each, name) for each in self.figures.values())


@dataclass(frozen=True)
class NodePlace:
    """Where a node's data are, and what it was given."""

    slug: str
    name: str
    folder: Path
    given: tuple[Given, ...]


def compare(hub: Path, nodes: Iterable[NodePlace], *, finished: bool) -> Comparison:
    """Compare everything; with `finished`, an offer without its end counts as lost."""
    hub_side = read_hub(hub)
    places = list(nodes)
    sides = {place.slug: read_node(place.folder) for place in places}
    figures = {place.slug: _counted(place.name, sides[place.slug], hub_side) for place in places}
    problems: list[Problem] = []
    for place in places:
        seen = _Seen(place, sides[place.slug], hub_side, finished=finished)
        problems += seen.problems()
    known = {side.node_id for side in sides.values()}
    problems += _of_hub(hub_side, known)
    for kind in ("lost", "doubled", "altered"):
        subjects: dict[str, set[str]] = defaultdict(set)
        for problem in problems:
            if problem.kind == kind:
                subjects[problem.node].add(problem.subject)
        for slug, found in subjects.items():
            line = figures.setdefault(slug, NodeFigures("市级平台"))
            setattr(line, kind, len(found))
    return Comparison(figures, problems)


def _counted(name: str, node: NodeSide, hub: HubSide) -> NodeFigures:
    records = [row for row in node.records.values() if row["state"] != "void"]
    loose = [row for row in node.registered if row["record_id"] is None]
    return NodeFigures(
        name=name,
        registered=len(records) + len(loose),
        filed=sum(row["state"] in _NUMBERED for row in records),
        offered=len({each["record_id"] for each in node.offers if each["told"]}),
        received=sum(
            row["state"] == "received" and bool(hub.catalogue.get(row["id"], {}).get("received"))
            for row in records
        ),
        returned=len({each["record_id"] for each in node.offers if each["outcome"] == "returned"}),
    )


def _of_hub(hub: HubSide, known: set[str | None]) -> Iterator[Problem]:
    """What concerns the hub alone: accession numbers, records of nobody."""
    series: dict[tuple[str, int], list[int]] = defaultdict(list)
    for row in hub.accessions:
        series[(row["archive_code"], row["year"])].append(row["number"])
    for (archive, year), numbers in series.items():
        yield from _gaps_and_twins(HUB, f"进馆登记号 {archive}-{year}", numbers, max(numbers))
    for record_id, row in hub.catalogue.items():
        if row["node_id"] not in known:
            yield Problem("doubled", HUB, record_id, "目录中的这一件不属于任何一个单位")
    for record_id, packages in hub.packages.items():
        if record_id not in hub.catalogue:
            for package in packages:
                yield Problem("lost", HUB, package.name, "馆藏中有信息包，目录中没有这一件")


def _gaps_and_twins(node: str, what: str, numbers: list[int], last: int) -> Iterator[Problem]:
    counts = Counter(numbers)
    for number in range(1, last + 1):
        if counts[number] == 0:
            yield Problem("lost", node, f"{what}-{number}", f"{what} 缺 {number} 号")
        elif counts[number] > 1:
            yield Problem("doubled", node, f"{what}-{number}", f"{what} 的 {number} 号给了两次")


class _Seen:
    """One node beside the hub and beside what it was given."""

    def __init__(self, place: NodePlace, node: NodeSide, hub: HubSide, *, finished: bool) -> None:
        self._place = place
        self._node = node
        self._hub = hub
        self._finished = finished
        self._receipts: dict[str, list[Row]] = defaultdict(list)
        for receipt in hub.receipts:
            for offer in receipt["document"]["offers"]:
                self._receipts[offer["record_id"]].append(offer)
        self._kept: dict[str, list[Row]] = defaultdict(list)
        for row in hub.kept:
            self._kept[row["record_id"]].append(row)

    def problems(self) -> Iterator[Problem]:
        yield from self._given_is_there()
        yield from self._files_are_sound()
        yield from self._numbers_run()
        for record in self._node.records.values():
            if record["state"] in _NUMBERED or (record["state"] == "void" and record["version"]):
                yield from self._hub_has(record)
            yield from self._arrived_well(record)
        yield from self._nothing_missing_here()
        yield from self._offers_agree()

    def _problem(self, kind: Kind, subject: str, sentence: str) -> Problem:
        return Problem(kind, self._place.slug, subject, sentence)

    # ---- what was given is on the node, once, with its files

    def _given_is_there(self) -> Iterator[Problem]:
        found: dict[object, list[Counter[str]]] = defaultdict(list)
        for key, files in self._items():
            found[key].append(files)
        wanted: dict[object, list[Given]] = defaultdict(list)
        for paper in self._place.given:
            wanted[paper.key].append(paper)
        for key, papers in wanted.items():
            here = found.get(key, [])
            name = f"《{papers[0].title[:30]}》"
            subject = f"given:{key}"
            if len(here) < len(papers):
                yield self._problem("lost", subject, f"{name}交给了本单位，库中没有")
            elif len(here) > len(papers):
                yield self._problem("doubled", subject, f"{name}在库中有 {len(here)} 份")
            expected = [Counter(each.sha256 for each in paper.files) for paper in papers]
            for files in here:
                if files in expected:
                    expected.remove(files)
                else:
                    yield self._problem("altered", subject, f"{name}的电子文件与交来的不同")
                    break
        for key in found.keys() - wanted.keys():
            yield self._problem("doubled", f"given:{key}", f"{key}不知从何而来")

    def _items(self) -> Iterator[tuple[object, Counter[str]]]:
        """Every paper on the node: its records, and what is registered only."""
        fonds = self._node.fonds
        for row in self._node.records.values():
            if row["state"] != "void" and row["level"] in ("record", "item"):
                files = Counter(each["sha256"] for each in self._node.files[row["id"]])
                told = self._as_handed_over(row)
                yield (fonds[row["fonds_id"]], told["title"], told["doc_no"], told["date"]), files
        for row in self._node.registered:
            if row["record_id"] is None:
                files = Counter(each["sha256"] for each in self._node.registered_files[row["id"]])
                yield (fonds[row["fonds_id"]], row["title"], row["doc_no"], row["date"]), files

    def _as_handed_over(self, record: Row) -> Row:
        """A record as it was before its archive corrected it."""
        packages = self._hub.packages.get(record["id"], [])
        corrected = record["state"] == "received" and record["id"] in self._hub.descriptions
        return packages[0].record if corrected and packages and packages[0].record else record

    def _files_are_sound(self) -> Iterator[Problem]:
        for digest in self._node.absent_files:
            yield self._problem("lost", f"file:{digest}", f"本单位缺少电子文件 {digest[:12]}…")
        for digest in self._node.changed_files:
            yield self._problem("altered", f"file:{digest}", f"电子文件 {digest[:12]}… 的字节变了")

    def _numbers_run(self) -> Iterator[Problem]:
        numbers: dict[str, list[int]] = defaultdict(list)
        codes: Counter[tuple[str, str]] = Counter()
        for row in self._node.records.values():
            if row["state"] in _NUMBERED or row["state"] == "void":
                if row["category_id"] is not None and row["number"] is not None:
                    numbers[row["category_id"]].append(row["number"])
                if row["code"]:
                    codes[(row["fonds_id"], row["code"])] += 1
        for category, last in self._node.highest.items():
            what = f"类目 {category[-6:]} 件号"
            yield from _gaps_and_twins(self._place.slug, what, numbers[category], last)
        for (_fonds, code), count in codes.items():
            if count > 1:
                yield self._problem("doubled", f"code:{code}", f"档号 {code} 有 {count} 件")

    # ---- the hub's catalogue says the same

    def _hub_has(self, record: Row) -> Iterator[Problem]:
        held = self._hub.catalogue.get(record["id"])
        name = record["code"] or record["id"]
        if held is None:
            yield self._problem("lost", record["id"], f"{name} 不在平台目录中")
            return
        if held["node_id"] != self._node.node_id:
            yield self._problem("doubled", record["id"], f"{name} 在平台上属于另一单位")
        wire = held["wire"]
        if held["digest"] != self._hub.digests[record["id"]]:
            yield self._problem("altered", record["id"], f"{name} 在平台目录中的内容与摘要不符")
        if (held["version"], wire["version"]) != (record["version"], record["version"]):
            yield self._problem(
                "altered",
                record["id"],
                f"{name} 在平台是第 {held['version']} 版，在本单位是第 {record['version']} 版",
            )
        elif self._hub.digests[record["id"]] not in self._node.told[record["id"]][held["version"]]:
            yield self._problem("altered", record["id"], f"{name} 在平台的内容与本单位所报不同")
        if differing := _differing(record, self._node.files[record["id"]], wire):
            yield self._problem(
                "altered", record["id"], f"{name} 的 {'、'.join(differing)} 在平台与本单位不同"
            )
        if bool(held["received"]) != (record["state"] == "received"):
            yield self._problem("lost", record["id"], f"{name} 只在一方是“已接收”")

    def _nothing_missing_here(self) -> Iterator[Problem]:
        for record_id, held in self._hub.catalogue.items():
            if held["node_id"] == self._node.node_id and record_id not in self._node.records:
                yield self._problem(
                    "lost", record_id, f"{held['code'] or record_id} 在平台目录中，本单位没有"
                )

    # ---- what was offered came to its end

    def _offers_agree(self) -> Iterator[Problem]:
        for offer in self._node.offers:
            if not offer["told"]:
                continue
            there = self._hub.offers.get(offer["offer_id"])
            record = self._node.records.get(offer["record_id"])
            subject = offer["record_id"]
            if there is None:
                if self._finished:
                    yield self._problem("lost", subject, f"提交 {offer['offer_id']} 没有到达平台")
                continue
            for name in ("record_id", "record_version", "record_digest", "package_sha256"):
                # A restored node knows of an offer that it forgot what the hub told: no digest.
                if offer[name] is not None and there[name] != offer[name]:
                    yield self._problem("altered", subject, f"提交的 {name} 在平台与本单位不同")
            if self._finished and (record is None or record["state"] != "received"):
                yield self._problem("lost", subject, "提交的这一件没有被接收")

    def _arrived_well(self, record: Row) -> Iterator[Problem]:
        held = self._hub.catalogue.get(record["id"])
        packages = self._hub.packages.get(record["id"], [])
        name = record["code"] or record["id"]
        if record["state"] != "received" and not (held and held["received"]):
            if packages and self._finished:
                yield self._problem("doubled", record["id"], f"{name} 未接收，馆藏中却有信息包")
            return
        receipts = self._receipts[record["id"]]
        for what, found in (("信息包", packages), ("接收凭据", receipts)):
            if not found:
                yield self._problem("lost", record["id"], f"{name} 已接收，却没有{what}")
            elif len(found) > 1:
                yield self._problem("doubled", record["id"], f"{name} 有 {len(found)} 个{what}")
        kept = self._kept[record["id"]]
        if [row["name"] for row in kept] != [package.name for package in packages]:
            yield self._problem(
                "lost" if len(kept) < len(packages) or not packages else "doubled",
                record["id"],
                f"{name} 的馆藏登记与馆藏不符",
            )
        for package in packages[:1]:
            yield from self._package_is(record, package, receipts, name)
            yield from self._corrected_well(record, package, name)

    def _package_is(
        self, record: Row, package: Package, receipts: list[Row], name: str
    ) -> Iterator[Problem]:
        if package.trouble:
            yield self._problem("altered", record["id"], f"{name} 的信息包{package.trouble}")
        offers = {
            offer["offer_id"]: offer
            for offer in self._node.offers
            if offer["record_id"] == record["id"]
        }
        offer = offers.get(package.offer_id)
        if offer is None:
            yield self._problem("altered", record["id"], f"{name} 的信息包不是本单位提交的")
            return
        said = [
            (package.sha256, package.record.get("version"), package.offer_id),
            (offer["package_sha256"], offer["record_version"], offer["offer_id"]),
            *(
                (receipt["package_sha256"], receipt["record_version"], receipt["offer_id"])
                for receipt in receipts[:1]
            ),
        ]
        if len(set(said)) > 1:
            yield self._problem("altered", record["id"], f"{name} 的信息包与提交或凭据不一致")
        digests = {
            each["record_digest"]
            for each in (offer, self._hub.offers.get(package.offer_id, offer))
            if each["record_digest"] is not None
        }
        if package.record and digests != {digest_of(package.record)}:
            yield self._problem("altered", record["id"], f"{name} 的信息包内的著录与提交的不同")
        files = self._node.files[record["id"]]
        if package.files != Counter(each["sha256"] for each in files):
            yield self._problem("altered", record["id"], f"{name} 的信息包内的电子文件不同")
        differing = set(_differing(record, files, package.record)) if package.record else set()
        if record["id"] in self._hub.descriptions:
            differing -= set(_CORRECTABLE)
        if differing:
            yield self._problem(
                "altered", record["id"], f"{name} 的 {'、'.join(sorted(differing))} 在信息包中不同"
            )

    def _corrected_well(self, record: Row, package: Package, name: str) -> Iterator[Problem]:
        """Each version after the received one lies beside the package, once, up to the latest."""
        held = self._hub.catalogue.get(record["id"])
        first = package.record.get("version")
        if held is None or first is None:
            return
        descriptions = self._hub.descriptions.get(record["id"], [])
        versions = {each.version for each in descriptions}
        for version in set(range(first + 1, held["version"] + 1)) - versions:
            yield self._problem("lost", record["id"], f"{name} 的第 {version} 版不在馆藏中")
        for version in versions - set(range(first + 1, held["version"] + 1)):
            yield self._problem("doubled", record["id"], f"{name} 多出第 {version} 版")
        for each in descriptions:
            if each.trouble:
                what = f"{name} 的第 {each.version} 版{each.trouble}"
                yield self._problem("altered", record["id"], what)
            elif each.version == held["version"] and each.record != held["wire"]:
                yield self._problem("altered", record["id"], f"{name} 的馆藏著录与目录不同")


def _differing(record: Row, files: list[Row], wire: Mapping[str, object]) -> list[str]:
    """The fields in which a record as told differs from the node's row and files."""
    names = [name for name in PLAIN if record[name] != wire.get(name)]
    number = "volume_number" if record["level"] == "volume" else "number"
    if record["number"] != wire.get(number):
        names.append(number)
    documents = wire.get("documents")
    told: Counter[tuple[object, ...]] = Counter()
    for document in documents if isinstance(documents, list) else ():
        for each in document["files"]:
            told[(each["id"], document["role"], each["name"], each["size"], each["sha256"])] += 1
    here = Counter(
        (each["id"], each["role"], each["name"], each["size"], each["sha256"]) for each in files
    )
    if told != here:
        names.append("documents")
    return names
