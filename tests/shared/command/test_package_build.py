"""`danglian package build`: a script makes a package of metadata and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.kernel.issuing import certificate_pem
from shared.kernel.key_files import key_pem
from shared.records.metadata import describe, to_xml
from tests.shared.command.test_package import call, said
from tests.shared.packaging.eep.makers import seal
from tests.shared.packaging.samples import Unit

PASSWORD = "a long password"
CODE = "A182-WS·2024-D30-BGS-0012"
RECORD: dict[str, Any] = {
    "code": CODE,
    "title": "关于做好2024年档案工作的通知",
    "author": "夷陵区人民政府办公室",
    "date": "2024年3月5日",
    "events": [
        {"action": "归档", "time": "2024-06-01T02:03:04.000000Z", "agent": "张三",
         "agent_unit": "区政府办"}
    ],
}  # fmt: skip
FONDS = {"name": "夷陵区人民政府办公室", "number": "A182"}


@pytest.fixture
def signing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    unit = Unit(tmp_path / "files")
    (tmp_path / "key.pem").write_bytes(key_pem(unit.seal, PASSWORD))
    (tmp_path / "certificate.pem").write_bytes(certificate_pem(seal(unit).certificates[0]))
    monkeypatch.setenv("DANGLIAN_KEY_PASSWORD", PASSWORD)
    return ("--key", tmp_path / "key.pem", "--certificate", tmp_path / "certificate.pem")


def metadata(path: Path, **parts: Any) -> Path:
    whole = {"fonds": FONDS, "record": RECORD, **parts}
    path.write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")
    return path


def files(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).write_text(name, encoding="utf-8")
    return [folder / name for name in names]


def test_a_record_is_built_of_json_and_files(tmp_path: Path, signing) -> None:
    described = metadata(tmp_path / "m.json")
    given = files(tmp_path, "通知.txt", "名单.csv")
    eep, folder = tmp_path / "record.eep", tmp_path / "record"
    built = said("build", "--metadata", described, *given, "--into", eep, *signing)
    assert {each["verdict"] for each in built["report"]["signatures"]} == {"valid"}
    assert built["report"]["schema_valid"]["passed"]
    built = said(
        "build", "--metadata", described, *given, "--to", "folder", "--into", folder, *signing
    )
    assert built["losses"] == []
    assert built["report"]["signatures"] == [{"record": "record", "verdict": "valid"}]
    record = json.loads((folder / "record.json").read_bytes())
    assert (record["class_code"], record["year"], record["retention"]) == ("WS", 2024, "D30")
    assert (record["organ"], record["number"], record["date"]) == ("BGS", 12, "2024-03-05")
    assert [each["role"] for each in record["documents"]] == ["正本", "附件"]
    assert call("verify", folder, code=3).stdout.startswith("档联信息包，1 件，6 个文件")
    call("build", "--metadata", described, *given, "--into", tmp_path / "u.eep", code=3)


def test_documents_are_as_the_metadata_say(tmp_path: Path, signing) -> None:
    documents = [
        {"role": "正本", "files": ["通知.txt", "通知.csv"]},
        {"role": "定稿", "title": "送审稿", "files": ["稿.txt"]},
    ]
    described = metadata(tmp_path / "m.json", documents=documents)
    given = files(tmp_path, "稿.txt", "通知.csv", "通知.txt")
    out = tmp_path / "out"
    said("build", "--metadata", described, *given, "--to", "folder", "--into", out, *signing)
    assert (out / "content/02/稿.txt").read_text(encoding="utf-8") == "稿.txt"
    lacking = ("build", "--metadata", described, *given[:2], "--into", tmp_path / "x.eep")
    assert said(*lacking, code=1)["code"] == "file_missing"
    (more,) = files(tmp_path, "多.txt")
    surplus = ("build", "--metadata", described, *given, more, "--into", tmp_path / "x.eep")
    assert said(*surplus, code=2)["code"] == "file_not_in_metadata"
    assert not (tmp_path / "x.eep").exists()


def test_what_is_missing_in_a_file_is_told_with_its_place(tmp_path: Path) -> None:
    """The sentence was 缺少此项 alone: which one, nobody could tell."""
    event = {key: value for key, value in RECORD["events"][0].items() if key != "agent_unit"}
    described = metadata(tmp_path / "m.json", record={**RECORD, "events": [event]})
    built = call("build", "--metadata", described, *files(tmp_path, "a"), "--into", "x", code=2)
    assert built.stderr.startswith("错误：events.0.agent_unit：缺少此项。")


def test_what_was_opened_can_be_built_again(tmp_path: Path, signing) -> None:
    unit = Unit(tmp_path / "files")
    record = unit.record(unit.file("通知.pdf"))
    described = tmp_path / "metadata.xml"
    described.write_bytes(to_xml(describe(record, unit.fonds)))
    (tmp_path / "通知.pdf").write_bytes(unit.paths(record)[record.files[0].id].read_bytes())
    eep = tmp_path / "record.eep"
    call("build", "--metadata", described, tmp_path / "通知.pdf", "--into", eep, *signing)
    opened = said("open", eep, "--into", tmp_path / "opened", "--as-it-is")
    assert opened["files"] == ["metadata.xml", "content/01/通知.pdf"]
    again = ("build", "--metadata", tmp_path / "opened/metadata.xml")
    call(*again, tmp_path / "opened/content/01/通知.pdf", "--into", tmp_path / "2.eep", *signing)
    (tmp_path / "通知.pdf").write_bytes(b"altered")
    altered = said(*again, tmp_path / "通知.pdf", "--into", tmp_path / "3.eep", code=2)
    assert altered["code"] == "file_changed"


@pytest.mark.parametrize(
    ("parts", "code", "field"),
    [
        ({"record": {**RECORD, "security": "机密★10年"}}, "classified", "security"),
        ({"record": {**RECORD, "title": "某事（秘密★5年）"}}, "classified", "security"),
        ({"record": {**RECORD, "nothing": 1}}, "bad_metadata_file", "record.nothing"),
        ({"record": {**RECORD, "date": "2024-13-01"}}, "invalid", "date"),
        ({"record": {**RECORD, "author": None}}, "eep_cannot_say", "author"),
        ({"fonds": {"name": ""}}, "required", "fonds.name"),
        ({"fonds": []}, "bad_metadata_file", "fonds"),
        ({"documents": [{"files": "x"}]}, "bad_metadata_file", "documents.0.files"),
        ({"record": {**RECORD, "events": None}}, "bad_metadata_file", "events"),
        ({"more": 1}, "bad_metadata_file", "more"),
    ],
)
def test_what_makes_no_record_is_refused_by_field(parts, code, field, tmp_path: Path) -> None:
    described = metadata(tmp_path / "m.json", **parts)
    given = files(tmp_path, "通知.txt")
    out = tmp_path / "x.eep"
    error = said("build", "--metadata", described, *given, "--into", out, code=2)
    assert error["code"] in (code, "bad_date")
    assert error["field"] == field
    assert not out.exists()
