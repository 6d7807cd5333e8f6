"""The whole way through the real command: a clerk's documents reach the archive, come what may."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shared.demo.goals import to_the_end
from tests.city import City
from tests.unattended import Run, killed_once

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3000)]
RECORDS = 60


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A city in which everything came to its end, and what the command printed.

    Each of its processes was killed once on the way, the command itself as well.
    """
    folder = tmp_path_factory.mktemp("city") / "demo-city"
    run = Run(folder, 7, "embedded", records=RECORDS)
    return folder, killed_once(run, random.Random(11))


def test_everything_arrives_once_and_unchanged(ended: tuple[Path, dict[str, Any]]) -> None:
    _, result = ended
    assert result["sound"]
    assert result["problems"] == []
    total = result["total"]
    assert (total["lost"], total["doubled"], total["altered"]) == (0, 0, 0)
    assert total["registered"] == RECORDS
    assert RECORDS > total["filed"] > total["offered"] == total["received"] > RECORDS // 3
    assert total["returned"] >= 4


def test_every_node_has_its_line(ended: tuple[Path, dict[str, Any]]) -> None:
    _, result = ended
    lines = {line["node"]: line for line in result["nodes"]}
    assert set(lines) == {"minzheng", "shuili", "fenxiang", "dongshi"}
    for line in lines.values():
        assert line["offered"] == line["received"] > 0
        assert line["returned"] > 0
    villages = lines["fenxiang"]
    assert villages["filed"] > villages["offered"], "the villages' records end at filed"


def test_it_is_what_the_databases_say(ended: tuple[Path, dict[str, Any]]) -> None:
    folder, result = ended
    with closing(sqlite3.connect(folder / "hub" / "hub.sqlite")) as hub:
        received = hub.execute("SELECT count(*) FROM catalogue_record WHERE received").fetchone()
        kept = hub.execute("SELECT count(*) FROM repository_package").fetchone()
        archives = hub.execute("SELECT DISTINCT archive_code FROM receiving_accession").fetchall()
    assert received == kept == (result["total"]["received"],)
    # Central keeping: the county of 夷陵 reviews, the city receives; 枝江 does both itself.
    assert {code for (code,) in archives} == {"420500", "420583"}


def test_each_archive_has_answered_what_it_was_asked_to_correct(
    ended: tuple[Path, dict[str, Any]],
) -> None:
    folder, _ = ended
    with closing(sqlite3.connect(folder / "hub" / "hub.sqlite")) as hub:
        answers = hub.execute(
            "SELECT state, count(*) FROM correcting_correction GROUP BY state ORDER BY state"
        ).fetchall()
    assert answers == [("declined", 4), ("made", 4)]


@pytest.mark.at_length
def test_a_second_run_finds_nothing_to_do(ended: tuple[Path, dict[str, Any]]) -> None:
    folder, result = ended
    city = City(folder, records=RECORDS, seed=7)
    with city.running(to_the_end):
        pass
    again = city.compare()
    assert again.sound
    assert again.total("received") == result["total"]["received"]


# --- the comparison itself: what is planted must be found


NODE = Path("nodes") / "minzheng"
HUB = Path("hub")
ON_NODE = "(SELECT id FROM filing_record WHERE state = 'received' ORDER BY id LIMIT 1)"
ON_HUB = "(SELECT id FROM catalogue_record WHERE received ORDER BY id LIMIT 1)"


def _write(folder: Path, *statements: str) -> None:
    database = folder / ("hub.sqlite" if folder.name == "hub" else "node.sqlite")
    with closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement
        connection.commit()


def _package(city: Path) -> Path:
    return sorted((city / HUB / "store").rglob("*.zip"))[0]


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def a_record_is_gone_from_the_hub(city: Path) -> None:
    _write(city / HUB, f"DELETE FROM catalogue_record WHERE id = {ON_HUB}")


def a_record_is_gone_from_its_node(city: Path) -> None:
    _write(
        city / NODE,
        f"UPDATE filing_file SET record_id = 'gone' WHERE record_id = {ON_NODE}",
        f"DELETE FROM filing_record WHERE id = {ON_NODE}",
    )


def a_registered_document_is_gone(city: Path) -> None:
    _write(city / NODE, "DELETE FROM registry_document WHERE state = 'closed'")


def a_record_is_there_twice(city: Path) -> None:
    with closing(sqlite3.connect(city / NODE / "node.sqlite")) as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(filing_record)")]
    other = {
        "id": "'another'", "code": "NULL", "number": "NULL", "category_id": "NULL",
        "source_key": "NULL", "state": "'collected'",
    }  # fmt: skip
    values = ", ".join(other.get(name, name) for name in names)
    _write(
        city / NODE,
        f"INSERT INTO filing_record SELECT {values} FROM filing_record WHERE id = {ON_NODE}",
    )


def a_number_is_missing(city: Path) -> None:
    _write(city / NODE, "UPDATE filing_category SET highest = highest + 1 WHERE highest > 0")


def a_title_is_another_one_on_the_hub(city: Path) -> None:
    _write(
        city / HUB,
        "UPDATE catalogue_record SET wire = json_set(wire, '$.title', '另一个题名') "
        f"WHERE id = {ON_HUB}",
    )


def a_page_count_is_another_one_on_the_node(city: Path) -> None:
    _write(city / NODE, f"UPDATE filing_record SET pages = 99 WHERE id = {ON_NODE}")


def a_version_is_older_on_the_hub(city: Path) -> None:
    _write(city / HUB, f"UPDATE catalogue_record SET version = version - 1 WHERE id = {ON_HUB}")


def a_package_is_gone(city: Path) -> None:
    _package(city).unlink()


def a_package_is_there_twice(city: Path) -> None:
    package = _package(city)
    twin = package.parent.with_name("v2")
    shutil.copytree(package.parent, twin)


def a_byte_of_a_package_is_another_one(city: Path) -> None:
    _flip(_package(city), -300)


def a_file_in_a_package_is_another_one(city: Path) -> None:
    _flip(_package(city), 400)


def a_file_of_a_node_is_gone(city: Path) -> None:
    max((city / NODE / "files").rglob("*"), key=lambda path: path.stat().st_size).unlink()


def a_byte_of_a_nodes_file_is_another_one(city: Path) -> None:
    files = (path for path in (city / NODE / "files").rglob("*") if path.is_file())
    _flip(max(files, key=lambda path: path.stat().st_size), 100)


def _description(city: Path) -> Path:
    return min((city / HUB / "store").rglob("description-*.json"))


def a_corrected_description_is_gone(city: Path) -> None:
    _description(city).unlink()
    _write(city / HUB, "DELETE FROM repository_description")


def a_byte_of_a_corrected_description_is_another_one(city: Path) -> None:
    _flip(_description(city), 60)


def a_corrected_record_is_another_one_in_the_catalogue(city: Path) -> None:
    _write(
        city / HUB,
        "UPDATE catalogue_record SET wire = json_set(wire, '$.pages', 7) WHERE told_state = "
        "'received'",
    )


def a_correction_did_not_reach_its_unit(city: Path) -> None:
    _write(
        city / NODE,
        "UPDATE filing_record SET version = version - 1 WHERE id IN "
        "(SELECT record_id FROM corrections_correction WHERE state = 'made')",
    )


def a_receipt_is_gone(city: Path) -> None:
    _write(city / HUB, "DELETE FROM receiving_receipt WHERE archive_code = '420583'")


def a_batch_was_received_twice(city: Path) -> None:
    with closing(sqlite3.connect(city / HUB / "hub.sqlite")) as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(receiving_receipt)")]
        receipt = connection.execute("SELECT id FROM receiving_receipt LIMIT 1").fetchone()[0]
    other = {"id": "'another'", "batch_id": "'another'"}
    values = ", ".join(other.get(name, name) for name in names)
    _write(
        city / HUB,
        f"INSERT INTO receiving_receipt SELECT {values} FROM receiving_receipt "
        f"WHERE id = '{receipt}'",
    )


def an_accession_number_is_skipped(city: Path) -> None:
    _write(
        city / HUB,
        "UPDATE receiving_accession SET number = number + 100 WHERE receipt_id = "
        "(SELECT receipt_id FROM receiving_accession ORDER BY number DESC LIMIT 1)",
    )


def an_offer_never_reached_the_hub(city: Path) -> None:
    _write(city / HUB, "DELETE FROM receiving_offer WHERE state = 'received'")


PLANTED = [
    ("lost", a_record_is_gone_from_the_hub),
    ("lost", a_record_is_gone_from_its_node),
    ("lost", a_registered_document_is_gone),
    ("doubled", a_record_is_there_twice),
    ("lost", a_number_is_missing),
    ("altered", a_title_is_another_one_on_the_hub),
    ("altered", a_page_count_is_another_one_on_the_node),
    ("altered", a_version_is_older_on_the_hub),
    ("lost", a_package_is_gone),
    ("doubled", a_package_is_there_twice),
    ("altered", a_byte_of_a_package_is_another_one),
    ("altered", a_file_in_a_package_is_another_one),
    ("lost", a_file_of_a_node_is_gone),
    ("altered", a_byte_of_a_nodes_file_is_another_one),
    ("lost", a_corrected_description_is_gone),
    ("altered", a_byte_of_a_corrected_description_is_another_one),
    ("altered", a_corrected_record_is_another_one_in_the_catalogue),
    ("altered", a_correction_did_not_reach_its_unit),
    ("lost", a_receipt_is_gone),
    ("doubled", a_batch_was_received_twice),
    ("lost", an_accession_number_is_skipped),
    ("lost", an_offer_never_reached_the_hub),
]


@pytest.mark.parametrize(("kind", "plant"), PLANTED, ids=[plant.__name__ for _, plant in PLANTED])
def test_the_comparison_finds_that(
    ended: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    kind: str,
    plant: Callable[[Path], None],
) -> None:
    folder, _ = ended
    copy = tmp_path / "city"
    shutil.copytree(folder, copy)
    plant(copy)
    comparison = City(copy, records=RECORDS, seed=7).compare()
    assert not comparison.sound
    assert comparison.total(kind) > 0, comparison.problems
