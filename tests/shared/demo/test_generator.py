"""The made-up papers are believable, repeatable, and files of the formats they claim to be."""

from collections import Counter
from pathlib import Path

import pytest

from shared.demo.generator import Kind, Unit, UnitKind, papers_of, papers_of_titles, write_files
from shared.inspection.formats import extension_of, identify
from shared.inspection.formats.looking import examine
from shared.records.numbering import doc_no_key
from shared.records.security import classified_mark
from shared.records.values import TITLE_LENGTH, clean_text

CITY = Unit(
    name="宜昌市民政局",
    kind=UnitKind.CITY_DEPARTMENT,
    matters="civil",
    sign="宜民发",
    superiors=(("宜昌市人民政府", "宜府发"), ("湖北省民政厅", "鄂民政发")),
    places=("夷陵区", "枝江市"),
)
VILLAGE = Unit(
    name="分乡镇普溪河村村民委员会",
    kind=UnitKind.VILLAGE,
    matters="village",
    sign="",
    superiors=(("分乡镇人民政府", "分政发"),),
    places=("一组", "二组"),
)


def test_the_same_seed_makes_the_same_papers() -> None:
    assert papers_of(CITY, 2021, 50, seed=7) == papers_of(CITY, 2021, 50, seed=7)
    assert papers_of(CITY, 2021, 50, seed=7) != papers_of(CITY, 2021, 50, seed=8)


@pytest.mark.parametrize("unit", [CITY, VILLAGE], ids=["department", "village"])
def test_titles_and_numbers_are_such_as_a_node_takes(unit: Unit) -> None:
    papers = papers_of(unit, 2022, 400, seed=1)
    assert len(papers) == 400
    for paper in papers:
        assert clean_text(paper.title, "title", max_length=TITLE_LENGTH) == paper.title
        assert classified_mark(paper.title) is None
        assert paper.day.year == paper.year == 2022
        assert paper.day.weekday() < 5
    assert [paper.day for paper in papers] == sorted(paper.day for paper in papers)
    assert {paper.kind for paper in papers} == set(Kind)
    assert {"Y", "D30", "D10"} >= {paper.retention for paper in papers}


def test_a_number_is_given_once_and_rises_with_the_days() -> None:
    papers = [paper for paper in papers_of(CITY, 2022, 400, seed=1) if paper.doc_no]
    numbers = [paper.doc_no for paper in papers]
    assert len(numbers) == len(set(numbers)) > 200
    own = [doc_no_key(paper.doc_no) for paper in papers if paper.kind is Kind.OUTGOING]
    assert own == sorted(own)


def test_no_two_papers_look_the_same() -> None:
    papers = papers_of(VILLAGE, 2022, 200, seed=3) + papers_of(CITY, 2022, 400, seed=3)
    seen = Counter((paper.title, paper.doc_no, paper.day) for paper in papers)
    assert seen.most_common(1)[0][1] <= 2


def test_files_are_sound_and_of_the_format_of_their_names(tmp_path: Path) -> None:
    formats: Counter[str] = Counter()
    for number, paper in enumerate(papers_of(CITY, 2021, 120, seed=5)):
        for attachment in write_files(paper, tmp_path, f"{number:04d}", seed=5):
            with attachment.path.open("rb") as stream:
                found = identify(stream)
                assert found is not None, attachment.path.name
                assert extension_of(attachment.path.name) in found.extensions
                assert examine(stream, {}, 20).troubles == (), attachment.path.name
            formats[found.code] += 1
    assert formats["pdf"] > formats["ofd"] > 10
    assert {"rtf", "txt", "tiff"} <= set(formats)


def test_most_files_are_small_and_some_go_up_in_parts(tmp_path: Path) -> None:
    sizes = []
    for number, paper in enumerate(papers_of(CITY, 2021, 400, seed=5)):
        made = write_files(paper, tmp_path, f"{number:04d}", seed=5)
        sizes.append(sum(each.path.stat().st_size for each in made))
    above = sum(size > 64 * 1024 for size in sizes)
    assert 400 * 0.03 < above < 400 * 0.15
    assert max(sizes) > 700_000
    assert max(sizes) < 4_000_000
    assert sorted(sizes)[200] < 48_000


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        for number, paper in enumerate(papers_of(CITY, 2021, 30, seed=5)):
            write_files(paper, folder, f"{number:04d}", seed=5)
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert contents[0] == contents[1]


def test_real_titles_are_dealt_out_once(real_data: Path) -> None:
    titles = real_data / "gov_documents.csv"
    hands = [
        papers_of_titles(titles, CITY, [2020, 2021, 2022], 600, 1, part=part, parts=4)
        for part in range(4)
    ]
    assert all(len(hand) == 600 for hand in hands)
    dealt = Counter((p.title, p.doc_no, p.day, p.author) for hand in hands for p in hand)
    assert dealt.most_common(1)[0][1] == 1
