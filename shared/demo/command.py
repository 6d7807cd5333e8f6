"""`danglian demo`: a whole small city on this machine."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import click

from shared.command.main import json_option
from shared.kernel.files import folder_lock


@click.command("demo")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-city"),
    show_default=True,
    help="演示城市的文件夹；已有的接着来。",
)
@click.option("--records", default=400, show_default=True, help="各单位一共多少件。")
@click.option("--once", is_flag=True, help="全程自动办完，核对各数据库后退出。")
@click.option(
    "--titles",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="用真实题名：列为 title,doc_no,issuer,date 的 CSV。",
)
@click.option(
    "--port", default=8060, show_default=True, help="第一个端口；被占用时自动换用空闲的。"
)
@click.option(
    "--stack",
    type=click.Choice(["embedded", "full"]),
    default="embedded",
    show_default=True,
    help="full：用 RabbitMQ、PostgreSQL 和 S3；没有配置的自动在本机启动一份。",
)
@click.option("--seed", default=1, show_default=True, help="同一个数得到同样的文件。")
@json_option
def demo(
    *,
    folder: Path,
    records: int,
    once: bool,
    titles: Path | None,
    port: int,
    stack: str,
    seed: int,
    as_json: bool,
) -> None:
    """在本机建立并运行一座演示城市：一个市级平台，四个单位。按 Ctrl-C 停止。"""
    from shared.demo.demo import DemoCity
    from shared.demo.goals import first_round, to_the_end
    from shared.demo.plan import CityPlan
    from shared.demo.report import Reporter, accounts, as_wire

    reporter = Reporter(as_json=as_json)
    stopping = threading.Event()
    start = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(folder, "demo"), _stopped_by_signals(stopping):
        reporter.say("演示", f"文件夹 {folder.resolve()}")
        plan = CityPlan(records, seed, titles)
        goals = to_the_end if once else first_round
        city = DemoCity.open(
            folder, plan, reporter, stopping, base_port=port, goals=goals, stack=stack
        )
        try:
            city.start()
            whole = city.bring_on()
            if not once and whole:
                reporter.places(city.urls, city.folder)
                if as_json:
                    click.echo(json.dumps({"places": accounts(city.urls)}, ensure_ascii=False))
                reporter.say("演示", "已就绪。按 Ctrl-C 停止；再次运行会接着来。")
                stopping.wait()
        finally:
            city.stop()
    if city.failure:
        raise click.ClickException(city.failure)
    if not once:
        return
    if not whole:
        sys.exit(130)
    comparison = city.compare(finished=True)
    if as_json:
        result = as_wire(comparison, city.folder, time.monotonic() - start)
        click.echo(json.dumps(result, ensure_ascii=False))
    else:
        reporter.figures(comparison)
    sys.exit(0 if comparison.sound else 1)


@contextlib.contextmanager
def _stopped_by_signals(stopping: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask to stop; a second Ctrl-C does not cut the stopping short."""

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP"):
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
