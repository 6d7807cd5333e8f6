"""What an archive shares is decided when something changes or a day comes, never at reading."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from hub.catalogue import service as catalogue
from hub.federation import service as federation
from hub.sharing import deciding, doctor
from hub.sharing import service as sharing
from hub.sharing.policies import Audience
from shared.kernel.clock import now
from shared.kernel.errors import Invalid, NotFound
from shared.records.record import Opening, Publicity, RecordLevel
from shared.records.security import SecurityClass
from tests.hub.sharing.conftest import ARCHIVE

_DAY = date(2026, 1, 1)
_POLICY = sharing.NewPolicy(["code"], "馆务会决定")


def test_nothing_is_shared_before_the_archive_says_so(archive):
    (record,) = archive.received()
    archive.settle()
    assert archive.reasons(record) == ("hidden", "not_shared")
    assert archive.feed() == archive.feed(Audience.GOVERNMENT) == []
    archive.share()
    archive.settle()
    assert archive.seen().keys() == {record}
    assert archive.feed(Audience.GOVERNMENT) == []


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"security": SecurityClass.INTERNAL}, ("hidden", "security_class")),
        ({"security": SecurityClass.WORK_SECRET}, ("hidden", "security_class")),
        ({"opening": None}, ("closed", "not_appraised")),
        ({"opening": Opening("controlled", "涉及个人")}, ("closed", "controlled")),
        ({"publicity": Publicity("none", "规定")}, ("closed", "controlled")),
        ({"year": 2024}, ("closed", "closed_period")),
    ],
)
def test_what_is_not_opened_is_not_public(archive, more, why):
    archive.share()
    (record,) = archive.received(**more)
    archive.settle()
    assert archive.reasons(record) == why
    assert archive.feed() == []


def test_what_was_published_anyway_has_no_closed_period(archive):
    archive.share()
    (record,) = archive.received(year=2024, publicity=Publicity("active"))
    archive.settle()
    assert archive.seen()[record]["title"] == archive.records[0].title


def test_the_platform_sees_the_agreed_fields_of_closed_records_and_why_the_others_are_missing(
    archive,
):
    archive.share(Audience.GOVERNMENT, fields=["code", "title", "date"], closed_fields=["code"])
    (record,) = archive.received(year=2024)
    archive.settle()
    seen = archive.seen(Audience.GOVERNMENT)[record]
    assert seen["code"] == archive.records[0].code
    assert "title" not in seen
    assert seen["withheld"] == {
        "title": "closed_period", "date": "closed_period", "doc_no": "policy", "author": "policy",
        "organ_name": "policy", "pages": "policy", "holding": "policy",
    }  # fmt: skip


@pytest.mark.parametrize(
    "title",
    [
        "关于张三（42050219900307123X）的批复",
        "回拨 138 0000 0000 的通知",
        "证号４２０５０２１９９００３０７１２３４",
    ],
)
def test_a_title_with_a_persons_number_is_withheld(archive, title):
    archive.share()
    (record,) = archive.received(title=title)
    archive.settle()
    seen = archive.seen()[record]
    assert seen["withheld"] == {"title": "personal_data"}
    assert "title" not in seen


def test_a_closed_period_ends_on_the_first_of_january(archive, monkeypatch):
    monkeypatch.setattr(deciding, "today", lambda: "2049-12-31")
    archive.share()
    (record,) = archive.received(year=2024)
    archive.settle()
    assert archive.feed() == []
    monkeypatch.setattr(deciding, "today", lambda: "2050-01-01")
    archive.settle()
    assert archive.seen().keys() == {record}
    assert archive.reasons(record) == ("open", None)


def test_a_corrected_record_comes_again_and_one_that_is_closed_leaves_a_tombstone(archive):
    archive.share()
    first, second, third = archive.received(3)
    archive.settle()
    cursor = archive.proof()["cursor"]
    archive.correct(first, title="关于改正后的事项的通知")
    archive.correct(second, opening={"opinion": "controlled", "reason": "涉及个人"})
    archive.withdraw(third)
    archive.settle()
    news = {each["id"]: each for each in archive.feed(cursor=cursor)}
    assert news[first]["record"]["title"] == "关于改正后的事项的通知"
    assert (news[second]["kind"], news[second]["reason"]) == ("tombstone", "closed")
    assert (news[third]["kind"], news[third]["reason"]) == ("tombstone", "withdrawn")
    assert archive.seen().keys() == {first}
    with archive.city.database.write() as session:
        sharing.share_again(archive.archivist, third, session=session)
    archive.settle()
    assert archive.seen().keys() == {first, third}


def test_a_disposed_record_is_gone_for_good(archive):
    archive.share()
    (record,) = archive.received()
    archive.settle()
    with archive.city.database.write() as session:
        catalogue.move_state(session, [record], "disposed")
    archive.settle()
    assert [each["reason"] for each in archive.feed()] == ["disposed"]


def test_what_never_was_shared_leaves_no_trace(archive):
    archive.share()
    (record,) = archive.received(opening=None)
    archive.settle()
    archive.withdraw(record)
    archive.settle()
    assert archive.feed() == []
    assert archive.proof()["groups"] == []


def test_what_lies_in_a_volume_is_never_more_open_than_the_volume(archive):
    archive.share()
    volume = archive.record(
        level=RecordLevel.VOLUME, class_code="KJ", volume_number=1, opening=None
    )
    item = archive.record(step=2, level=RecordLevel.ITEM, class_code="KJ", parent_id=volume.id)
    archive.receive(volume, item)
    archive.settle()
    assert archive.reasons(item.id) == ("closed", "whole_not_open")
    archive.correct(volume.id, opening={"opinion": "open", "reason": None})
    archive.settle()
    assert archive.seen().keys() == {volume.id, item.id}
    archive.withdraw(volume.id)
    archive.settle()
    assert archive.seen() == {}


def test_a_policy_that_changes_is_gone_through_for_all_and_told_once(archive):
    archive.share()
    ids = archive.received(3)
    archive.settle()
    cursor = archive.proof()["cursor"]
    archive.share(fields=["code"])
    archive.share(fields=["code", "date"])
    archive.settle()
    news = archive.feed(cursor=cursor)
    assert sorted(each["id"] for each in news) == sorted(ids)
    assert all("title" not in each["record"] for each in news)
    with archive.city.database.write() as session:
        sharing.close_policy(archive.archivist, ARCHIVE, Audience.PUBLIC, session=session)
    archive.settle()
    assert archive.seen() == {}


def test_a_renamed_fonds_is_told_with_its_records(archive):
    archive.share()
    (record,) = archive.received()
    archive.settle()
    with archive.city.database.write() as session:
        federation.rename_fonds(
            archive.city.admin, archive.fonds.id, "小溪塔街道", _DAY,
            key=archive.city.key, session=session,
        )  # fmt: skip
    archive.settle()
    assert archive.seen()[record]["fonds_name"] == "小溪塔街道"


def test_the_doctor_names_a_change_that_waits_for_long(archive, monkeypatch):
    archive.received()
    with archive.city.database.read() as session:
        assert list(doctor.examine(session)) == []
        monkeypatch.setattr(doctor, "now", lambda: now() + timedelta(hours=2))
        (found,) = doctor.examine(session)
    assert found.code == "sharing_behind"


def test_only_the_archive_that_has_a_record_decides_on_it(archive):
    (record,) = archive.received()
    stranger = archive.city.archivist("420583")
    with archive.city.database.write() as session:
        with pytest.raises(NotFound):
            sharing.withdraw(stranger, record, "无", session=session)
        with pytest.raises(NotFound):
            sharing.set_policy(stranger, ARCHIVE, Audience.PUBLIC, _POLICY, session=session)
        with pytest.raises(Invalid):
            sharing.set_policy(
                archive.archivist, ARCHIVE, Audience.PUBLIC,
                sharing.NewPolicy(["code"], "无", closed_fields=["code"]), session=session,
            )  # fmt: skip
