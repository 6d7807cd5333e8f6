"""Watching a job, and stopping it."""

from __future__ import annotations

from collections.abc import Callable

from shared.kernel.database import Database
from shared.kernel.jobs import Job, JobState, submit
from tests.shared.web.conftest import Browser

Sign = Callable[[str], Browser]


def start(database: Database, owner: str = "") -> str:
    with database.write() as session:
        job = submit(session, "test", {}, title="导入目录", owner=owner)
        job.total, job.done, job.state = 50, 7, JobState.RUNNING
    return job.id


def finish(database: Database, job_id: str, state: JobState, **values: object) -> None:
    with database.write() as session:
        job = session.get_one(Job, job_id)
        job.state = state
        for name, value in values.items():
            setattr(job, name, value)


def test_a_job_shows_how_far_it_is_and_polls(database: Database, signed_in_as: Sign) -> None:
    job_id = start(database)
    browser = signed_in_as("clerk")
    page = browser.get(f"/jobs/{job_id}?next=/things/").text
    assert "已完成 7 / 50（14%）" in page
    assert f'hx-get="/jobs/{job_id}/progress?next=/things/"' in page
    finish(database, job_id, JobState.DONE, result={"message": "导入 50 条。"})
    fragment = browser.get(f"/jobs/{job_id}/progress?next=/things/")
    assert "hx-get" not in fragment.text
    assert "导入 50 条" in fragment.text
    assert 'href="/things/"' in fragment.text
    assert "<html" not in fragment.text


def test_a_failed_job_says_why(database: Database, signed_in_as: Sign) -> None:
    job_id = start(database)
    finish(database, job_id, JobState.FAILED, problem="文件已损坏。请重新选择。")
    page = signed_in_as("clerk").get(f"/jobs/{job_id}?next=//evil.example").text
    assert "文件已损坏" in page
    assert "evil" not in page


def test_a_page_can_reload_when_its_job_is_done(database: Database, signed_in_as: Sign) -> None:
    job_id = start(database)
    browser = signed_in_as("clerk")
    assert "HX-Refresh" not in browser.get(f"/jobs/{job_id}/progress?reload=1").headers
    finish(database, job_id, JobState.DONE)
    assert browser.get(f"/jobs/{job_id}/progress?reload=1").headers["HX-Refresh"] == "true"


def test_a_job_can_be_stopped(database: Database, signed_in_as: Sign) -> None:
    job_id = start(database)
    browser = signed_in_as("clerk")
    assert browser.send(f"/jobs/{job_id}/stop").location == f"/jobs/{job_id}"
    assert "已停止，做完的部分保留" in browser.get(f"/jobs/{job_id}").text
    fragment = browser.send(f"/jobs/{job_id}/stop", headers={"HX-Request": "true"})
    assert fragment.status_code == 200


def test_a_job_belongs_to_its_owner(database: Database, signed_in_as: Sign) -> None:
    job_id = start(database, owner="somebody else")
    assert signed_in_as("clerk").get(f"/jobs/{job_id}").status_code == 404
    assert signed_in_as("clerk").send(f"/jobs/{job_id}/stop").status_code == 404
    assert signed_in_as("boss").get(f"/jobs/{job_id}").status_code == 200
    assert signed_in_as("boss").get("/jobs/none").status_code == 404
