"""How values are shown."""

from __future__ import annotations

from datetime import UTC, datetime

from shared.kernel.actor import Role
from shared.kernel.jobs import JobState
from shared.web.filters import actor_name, dash, label, local_date, local_time, size


def test_times_are_shown_in_shanghai() -> None:
    moment = datetime(2024, 5, 31, 18, 3, tzinfo=UTC)
    assert local_time(moment) == "2024-06-01 02:03"
    assert local_time(moment, seconds=True) == "2024-06-01 02:03:00"
    assert local_time("2024-05-31T18:03:00.000000Z") == "2024-06-01 02:03"
    assert local_date(moment) == "2024-06-01"
    assert local_time(None) == local_date(None) == "—"


def test_sizes() -> None:
    shown = [size(each) for each in (0, 1023, 1024, 1_572_864, 3 * 1024**3, 5 * 1024**4, None)]
    assert shown == ["0 B", "1023 B", "1.0 KB", "1.5 MB", "3.0 GB", "5.0 TB", "—"]


def test_who_acted_is_named_also_where_it_was_a_command() -> None:
    assert actor_name("system:command", "command") == "命令行"
    assert actor_name("01a2", "孙丽萍") == "孙丽萍"


def test_labels() -> None:
    assert label(Role.CLERK) == "文书档案员"
    assert label(JobState.DONE) == "已完成"
    assert label("x", {"x": "某"}) == "某"
    assert label("y", {"x": "某"}) == "y"
    assert label(None) == label("") == dash("") == "—"
    assert label(True) == "是"
    assert dash(0) == 0
