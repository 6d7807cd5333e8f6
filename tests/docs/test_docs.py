"""The documents tell the truth: what they name is there, and what is there is named."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from hub.app import make_app
from hub.federation.places import HubFolder
from hub.federation.settings import HubSettings
from hub.portal.places import PortalSettings
from hub.review.service import PRESET_REASONS
from hub.wiring import handlers
from node.app import make_node_app
from node.office.places import NodeSettings
from node.registry.service import DIRECTIONS
from node.sync.doctor import GO_ON, GO_ON_OTHERWISE
from node.wiring import HANDLERS
from shared.command.main import danglian
from shared.demo.city import HUB_PEOPLE, OFFICES
from shared.records.record import RecordSchema
from tests.docs import tables
from tests.faults import matrix
from tests.node.conftest import make_node

ROOT = tables.ROOT
DOCS = ROOT / "docs"
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
GUIDES = [DOCS / f"{name}.zh-CN.md" for name in ("clerks", "reviewers", "administrators")]
README, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    return _BLOCK.sub("", text)


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings can be reached, as the usual hosts make them."""
    found = set()
    for _level, heading in _HEADING.findall(without_blocks(read(page))):
        plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        found.add(plain.replace(" ", "-"))
    return found


def rows(text: str, mark: str) -> list[list[str]]:
    """The cells of the table that follows a mark, without its heading."""
    found = []
    for line in text[text.index(mark) + len(mark) :].lstrip().splitlines():
        if not line.startswith("|"):
            break
        cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
        found.append([cell.strip() for cell in cells])
    return found[2:]


# ---- links, pictures, headings


@by_page
def test_every_link_and_picture_is_there(page: Path) -> None:
    for target in _LINK.findall(without_blocks(read(page))):
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", name):
            continue
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


def test_every_page_can_be_reached_from_the_first_one() -> None:
    reached, waiting = set(), [README]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for target in _LINK.findall(without_blocks(read(page))):
            there = (page.parent / target.partition("#")[0]).resolve()
            waiting.append(there / "README.md" if there.is_dir() else there)
    ours = [page for page in PAGES if page.name != "CHANGELOG.md"]
    assert [page for page in ours if page not in reached and page != DOCS / "README.md"] == []


def test_every_test_that_a_fault_names_exists() -> None:
    text = read(DOCS / "reliability.md")
    faults = matrix.faults(text)
    assert len(faults) == text.count("| `tests/") > 30, "each row is one that the matrix reads"
    for fault in faults:
        for path, name in fault.tests:
            assert f"def {name}(" in read(ROOT / path), f"{path} has no {name}"


def test_every_test_that_the_threat_model_names_exists() -> None:
    text = read(DOCS / "security.md")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 60
    for path, name in named:
        assert f"def {name}(" in read(ROOT / path), f"{path} has no {name}"
    tables_of_it = re.findall(r"^\| (?!---)(.+?) \| (.+) \|$", text, re.MULTILINE)
    shown = [row for _, row in tables_of_it if "tests/" in row]
    assert len(shown) > 40
    for chapter in range(1, 15):
        assert f"| V{chapter} " in text, "each chapter of ASVS has its row"
    asked = text.split("## What the standards ask")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (?!---|item |chapter )(.+) \|$", asked, re.MULTILINE)
    assert len(rows) > 30
    for row in rows:
        last = row.rpartition(" | ")[2]
        assert "`tests/" in last or re.match(r"open: .{20}", last), f"neither shown nor open: {row}"
    for path in re.findall(r"`((?:shared|hub|docs)/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path


def test_every_key_has_its_place_in_the_policy() -> None:
    policy = (
        read(DOCS / "security.md").split("## Keys, and how long they live")[1].split("\n## ")[0]
    )
    made = {
        name
        for folder in ("hub", "node", "shared")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r'"([a-z]+\.key)"', read(path))
    }
    assert len(made) >= 5
    for name in (*made, "hub.key", "seal-CODE.key", "tokens.json"):
        assert f"`keys/{name}`" in policy, name


#: The requirements of ASVS 4.0.3 at level 2, by section; the standard has struck out some.
_ASVS = """
1.1 1-7, 1.2 1-4, 1.4 1 4-5, 1.5 1-4, 1.6 1-4, 1.7 1-2, 1.8 1-2, 1.9 1-2, 1.10 1, 1.11 1-2,
1.12 2, 1.14 1-6,
2.1 1-12, 2.2 1-3, 2.3 1-3, 2.4 1-6, 2.5 1-7, 2.6 1-3, 2.7 1-6, 2.8 1-7, 2.9 1-3, 2.10 1-4,
3.1 1, 3.2 1-4, 3.3 1-4, 3.4 1-5, 3.5 1-3, 3.7 1,
4.1 1-3 5, 4.2 1-2, 4.3 1-3,
5.1 1-5, 5.2 1-8, 5.3 1-10, 5.4 1-3, 5.5 1-4,
6.1 1-3, 6.2 1-6, 6.3 1-2, 6.4 1-2,
7.1 1-4, 7.2 1-2, 7.3 1 3-4, 7.4 1-3,
8.1 1-4, 8.2 1-3, 8.3 1-8,
9.1 1-3, 9.2 1-4,
10.2 1-2, 10.3 1-3,
11.1 1-8,
12.1 1-3, 12.2 1, 12.3 1-6, 12.4 1-2, 12.5 1-2, 12.6 1,
13.1 1 3-5, 13.2 1-3 5-6, 13.3 1-2, 13.4 1-2,
14.1 1-4, 14.2 1-6, 14.3 2-3, 14.4 1-7, 14.5 1-4
"""


def test_every_requirement_of_asvs_is_shown_or_said_to_be_open() -> None:
    text = read(DOCS / "asvs.md")
    rows = re.findall(r"^\| (\d+\.\d+\.\d+) \| .+? \| (.+) \|$", text, re.MULTILINE)
    wanted = []
    for section in " ".join(_ASVS.split()).split(", "):
        chapter, *spans = section.split()
        for first, _, last in (span.partition("-") for span in spans):
            wanted += [f"{chapter}.{n}" for n in range(int(first), int(last or first) + 1)]
    assert [number for number, _ in rows] == wanted
    kinds = {"tests": 0, "by reading": 0, "open": 0, "not applicable": 0}
    for number, said in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", said)
        for path, name in named:
            assert f"def {name}(" in read(ROOT / path), f"{number}: {path} has no {name}"
        for path in re.findall(r"`((?:shared|hub|docs|ansible|tests)/[\w/.-]+)`", said):
            assert (ROOT / path).exists(), f"{number}: {path}"
        begun = re.match(r"(by reading|open|not applicable): .{4}", said)
        kind = "open" if "open: " in said else begun[1] if begun else "tests"
        assert named or begun, f"{number}: {said}"
        kinds[kind] += 1
    assert (
        f"{len(rows)} requirements: {kinds['tests']} shown by tests, {kinds['by reading']} by "
        f"reading, {kinds['open']} open in whole or in part, {kinds['not applicable']} not "
        "applicable."
    ) in text


def test_both_readmes_say_the_same() -> None:
    english, chinese = read(README), read(CHINESE)
    assert len(english.splitlines()) <= 150
    assert _BLOCK.findall(english) == _BLOCK.findall(chinese)

    def shape(text: str) -> list[str]:
        plain = without_blocks(text)
        marks = (line.split(" ")[0] for line in plain.splitlines())
        return [each for each in marks if set(each) in ({"#"}, {"-"}, {"|"}) or each[:2] == "|-"]

    assert shape(english) == shape(chinese)
    own = {"README.md", "README.zh-CN.md"}
    assert set(_LINK.findall(english)) - own == set(_LINK.findall(chinese)) - own
    assert set(_CODE.findall(english)) - set(_CODE.findall(chinese)) == set()


# ---- commands


@cache
def _commands() -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {}

    def walk(command: click.Command, path: tuple[str, ...]) -> None:
        found[path] = command
        if isinstance(command, click.Group):
            context = click.Context(command, info_name=path[-1])
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                walk(inner, (*path, name))

    walk(danglian, ("danglian",))
    return found


def _lines(page: Path) -> Iterator[str]:
    for language, block in _BLOCK.findall(read(page)):
        if language in ("sh", "ini"):
            yield from block.replace("\\\n", " ").splitlines()


def commands_in(page: Path) -> Iterator[list[str]]:
    """The words of every `danglian …` in a block, from there on."""
    for line in _lines(page):
        if "danglian " in line and not line.startswith("#"):
            words = shlex.split(line.removeprefix("ExecStart=").replace(" &", ""), comments=True)
            starts = [at for at, word in enumerate(words) if word.rpartition("/")[2] == "danglian"]
            if starts:
                yield words[starts[0] + 1 :]


def check(words: list[str], *, whole: bool) -> None:
    """Parse the words as the program would, without doing anything."""
    path: tuple[str, ...] = ("danglian",)
    rest = list(words)
    while rest and (*path, rest[0]) in _commands():
        path = (*path, rest.pop(0))
    command = _commands()[path]
    if isinstance(command, click.Group):
        flags = {flag for each in command.get_params(click.Context(command)) for flag in each.opts}
        assert not whole or (rest and set(rest) <= flags), words
        return
    options = {
        flag: each
        for each in command.params
        if isinstance(each, click.Option)
        for flag in each.opts
    }
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    given, plain = set(), []
    while rest:
        word = rest.pop(0)
        if word == "--help":
            return
        if not word.startswith("--"):
            plain.append(word)
            continue
        assert word in options, f"{' '.join(path)} has no {word}"
        given.add(options[word].name)
        if not options[word].is_flag and (whole or rest):
            value = rest.pop(0)
            kind = options[word].type
            if isinstance(kind, (click.Choice, click.types.IntParamType)):
                kind.convert(value, options[word], None)
    if whole:
        least = len([each for each in arguments if each.required])
        takes_more = any(each.nargs == -1 for each in arguments)
        assert len(plain) == least or (takes_more and len(plain) > least), words
        needed = {each.name for each in options.values() if each.required}
        assert needed <= given, words


@by_page
def test_every_command_in_a_block_exists_with_its_options(page: Path) -> None:
    for words in commands_in(page):
        check(words, whole=True)


@by_page
def test_every_command_in_a_sentence_exists(page: Path) -> None:
    for code in _CODE.findall(without_blocks(read(page))):
        if code.startswith("danglian ") and "…" not in code.split()[1]:
            check([word for word in shlex.split(code)[1:] if word != "…"], whole=False)


@by_page
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE))
    said = [*_CODE.findall(without_blocks(read(page))), *_lines(page)]
    for line in said:
        if match := re.match(r"make ([a-z-]+)", line):
            assert match[1] in targets, line


# ---- settings, doctors, codes


@pytest.mark.parametrize("kind", [HubSettings, NodeSettings, PortalSettings])
def test_the_settings_are_those_that_exist(kind: type) -> None:
    names = {str: "文本", int: "整数", bool: "true 或 false"}
    types = {"str": str, "int": int, "bool": bool}
    wanted = []
    for field in fields(kind):
        type_ = types[str(field.type)]
        default = "必填" if field.default is MISSING else f"`{field.default}`"
        wanted.append([f"`{field.name}`", names[type_], "空" if default == "``" else default])
    text = read(DOCS / "administrators.zh-CN.md")
    assert [row[:3] for row in rows(text, f"<!-- settings: {kind.__name__} -->")] == wanted


@pytest.mark.parametrize("name", tables.TABLES)
def test_the_tables_of_codes_are_up_to_date(name: str) -> None:
    written = tables.between(read(tables.TABLES[name]), name)
    assert written == tables.table(name), "run: .venv/bin/python -m tests.docs.tables"


@pytest.mark.parametrize("side", ["hub", "node"])
def test_whatever_a_doctor_finds_it_names_a_command_that_exists(side: str) -> None:
    found = tables.doctor_codes(side)
    assert len({each.code for each in found}) == len(found), "one code, one state"
    for each in found:
        named = re.findall(r"danglian((?: (?:--)?[a-z][a-z-]*| …)+)", each.remedy)
        assert named, f"{each.code} names no command"
        for words in named:
            check([word for word in words.split() if word != "…"], whole=False)


def test_the_commands_that_go_on_with_a_failed_job_exist() -> None:
    for words in (*GO_ON.values(), GO_ON_OTHERWISE):
        check(["node", *(word for word in words.split() if word != "…")], whole=False)


def test_no_code_in_the_source_is_missing_in_the_tables() -> None:
    known = {each.code for each in (*tables.error_codes(), *tables.finding_codes())}
    # Kinds of files that `formats` recognises; what a province's plug-in raises.
    other = {"exe", "pdf", "platform_refused"}
    for package in tables.PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            said = set(re.findall(r"\bcode ?= ?\"([a-z_]+)\"", read(path)))
            assert said - known - other == set(), path


def test_the_problems_of_the_api_are_codes_with_their_status() -> None:
    known = {each.code: each.statuses for each in tables.error_codes()}
    text = read(DOCS / "integrators.md")
    found = rows(text, "all of them are in [codes.md](codes.md):")
    assert len(found) > 10
    for code, status, _when in found:
        assert int(status) in known[code.strip("`")], code


# ---- what programmers are told


def _named(text: str, mark: str) -> list[str]:
    return [row[0].strip("`") for row in rows(text, mark)]


def test_the_record_has_the_fields_that_are_told() -> None:
    text = read(DOCS / "integrators.md")
    assert _named(text, "<!-- fields: record -->") == list(RecordSchema().fields)
    block = read(DOCS / "architecture.md").split("## The record as it travels")[1].split("```")[1]
    assert set(re.findall(r'"(\w+)":', block)) >= set(RecordSchema().fields)


def test_the_paths_of_the_api_are_those_that_are_told(tmp_path: Path) -> None:
    place = HubFolder.create(tmp_path / "hub", name="平台", city="420500000000")
    with make_app(place).test_client() as client:
        paths = client.get("/api/v1/openapi.json").get_json()["paths"]
    place.database().close()
    assert set(_named(read(DOCS / "integrators.md"), "<!-- paths: hub -->")) == _verbs_of(paths)


def _verbs_of(paths: dict[str, Any]) -> set[str]:
    verbs = {"get", "post", "put", "delete", "patch"}
    return {f"{verb.upper()} {path}" for path, said in paths.items() for verb in verbs & set(said)}


def test_the_paths_of_a_node_s_api_are_those_that_are_told(tmp_path: Path) -> None:
    node = make_node(tmp_path / "node")
    with make_node_app(node.folder).test_client() as client:
        paths = client.get("/api/v1/openapi.json").get_json()["paths"]
    node.database.close()
    assert set(_named(read(DOCS / "integrators.md"), "<!-- paths: node -->")) == _verbs_of(paths)


def test_the_kinds_of_entries_are_those_that_are_told(tmp_path: Path) -> None:
    place = HubFolder.create(tmp_path / "hub", name="平台", city="420500000000")
    up = handlers(place)
    place.database().close()
    text = read(DOCS / "integrators.md")
    assert set(_named(text, "<!-- kinds: up -->")) == set(up)
    assert set(_named(text, "<!-- kinds: down -->")) == set(HANDLERS)
    told = read(DOCS / "architecture.md")
    for kind in (*up, *HANDLERS):
        assert f"| `{kind}` |" in told


# ---- what people are told


def _pages_of_the_program() -> str:
    """All that the program may show: templates and Python."""
    found = []
    for package in tables.PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.suffix in (".html", ".py", ".js") and "vendor" not in path.parts:
                found.append(read(path))
    found += [f"登记{book}" for book in DIRECTIONS.values()]  # as registry/index.html makes them
    return "\n".join(found)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda page: page.name)
def test_the_buttons_that_a_guide_names_are_on_the_pages(guide: Path) -> None:
    shown = _pages_of_the_program()
    text = without_blocks(read(guide))
    named = re.findall(r"(?:点|选|勾上?|显示|提示|会写|里)“([^”]+)”", text)
    named += re.findall(r"[、→]“([^”]+)”", text)
    assert named
    for name in named:
        for part in filter(None, re.split(r"……|…|\s", name)):
            assert part in shown, name


def test_the_keys_of_the_desk_are_those_that_are_told() -> None:
    text = read(DOCS / "reviewers.zh-CN.md")
    told = rows(text, "这些键不起作用。")
    keys = {row[0].strip("`") for row in told if row[1] in ("批次", "一件档案")}
    pages = "".join(read(path) for path in (ROOT / "hub/review/templates").rglob("*.html"))
    assert keys - {"?"} == set(re.findall(r'(?:data-key|shortcut)="(\w)"', pages))
    for key in re.findall(r"<kbd>(.)</kbd>", pages):
        assert any(f"`{key}`" in row[0] for row in told), key
    assert all(problem.endswith("。") for _field, problem, _remedy in PRESET_REASONS)


def test_the_accounts_of_the_demo_are_there() -> None:
    logins = {each.login for each in HUB_PEOPLE}
    logins |= {each.login for office in OFFICES for each in office.people}
    told = _named(read(README), "private window of its own:")
    assert told
    assert set(told) <= logins


def test_the_words_of_the_glossary_are_in_the_code() -> None:
    words: set[str] = set()
    for package in tables.PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            words.update(re.findall(r"[A-Za-z_]\w*", read(path)))
    lines = [line for line in read(DOCS / "glossary.md").splitlines() if line.startswith("| ")]
    names = [line.split("|")[3] for line in lines]
    later = [name for cell in names for name in re.findall(r"\(`([^`]+)`\)", cell)]
    now = [name for cell in names for name in _CODE.findall(re.sub(r"\([^)]*\)", "", cell))]
    assert len(now) > 100
    assert [name for name in now if not set(name.split(".")) <= words] == []
    assert [name for name in later if name in words] == [], "these have come; take off the brackets"


# ---- no trace of where it was made

_URL = re.compile(r"https?://([^\s\"'`<>)\\/,，。；]*)")
#: This machine, made-up hosts, the host of a variable, namespaces and licences.
_FINE = re.compile(
    r"""^(?:
        (?:127\.0\.0\.1|localhost|10\.0\.0\.1)(?:[:{]\S*)?   # here
        | (?:\w+:\w+@)?(?:[\w.-]+\.)?example(?::\d+)? | x # made up
        | [\[{$(…*].* |                                   # put in by the program, or nothing at all
        | www\.w3\.org | www\.ofdspec\.org | www\.apache\.org   # names, never fetched
        | schemas\.openid\.net                              # of OpenID Connect
        | www\.openarchives\.org | purl\.org               # of OAI-PMH and Dublin Core
        | xmlns\.com                                        # of FOAF
        | www\.saac\.gov\.cn | ocfl\.io | www\.aiim\.org       # of DA/T 48, OCFL, PDF/A
    )$""",
    re.VERBOSE,
)
#: Whom to thank, as npm's own lock file says; never fetched.
_THANKED = {"package-lock.json": {"github.com", "opencollective.com"}}


def _ours() -> list[Path]:
    """The files that are, or will be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    found = [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    assert len(found) > 100
    return found


def test_no_file_names_the_machine_or_a_registry() -> None:
    # Spelled in pieces, so that this file does not find itself.
    homes = re.compile("|".join(re.escape(f"/{name}/") for name in ("work", "root", "workspace")))
    bad = []
    for path in _ours():
        try:
            text = read(path)
        except UnicodeDecodeError:
            continue
        name = str(path.relative_to(ROOT))
        if homes.search(text):
            bad.append(f"{name}: a path of a machine")
        thanked = _THANKED.get(name, set())
        hosts = {host for host in _URL.findall(text) if not _FINE.match(host)} - thanked
        bad += [f"{name}: {host}" for host in sorted(hosts)]
    assert bad == []


@pytest.mark.parametrize(
    "lock", ["package-lock.json", *(f"requirements/{each.name}" for each in LOCKS)]
)
def test_lock_files_carry_versions_and_hashes_and_no_addresses(lock: str) -> None:
    assert "://" not in read(ROOT / lock)
