"""How long something takes: by the clock, and of it the processors' own time."""

from __future__ import annotations

import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.performance.table import seconds

#: The plain digests of a file, each in a program that does nothing else.
TOOLS = {"sha256sum": ["sha256sum"], "openssl dgst -sm3": ["openssl", "dgst", "-sm3"]}
_ROUNDS = 3


@dataclass(frozen=True)
class Took:
    """Seconds of the clock, and of all processors together."""

    clock: float
    cpu: float

    def each(self, count: int) -> str:
        """So many in a second."""
        return f"{count / self.clock:.0f}/s ({seconds(self.cpu / count)} of CPU each)"

    def rate(self, size_mb: float) -> str:
        """So many megabytes in a second."""
        return (
            f"{size_mb / self.clock:.0f} MB/s ({1000 * self.cpu / size_mb:.1f} ms of CPU for a MB)"
        )


def took(work: Callable[[], object]) -> Took:
    """What some work takes, in this process and the programs that it runs."""
    cpu, start = _cpu(), time.perf_counter()
    work()
    return Took(time.perf_counter() - start, _cpu() - cpu)


def beside_tools(work: Callable[[], object], path: Path) -> tuple[Took, dict[str, Took]]:
    """What some work with a file takes, and the plain digests of it, in turns; the medians."""
    works = {"": work, **{name: _tool(command, path) for name, command in TOOLS.items()}}
    rounds = [{name: took(each) for name, each in works.items()} for _ in range(_ROUNDS)]
    medians = {
        name: statistics.median_low([(each[name].clock, each[name].cpu) for each in rounds])
        for name in works
    }
    found = {name: Took(*median) for name, median in medians.items()}
    return found.pop(""), found


def against(ours: Took, tools: dict[str, Took]) -> str:
    """Our rate in parts of that of each tool, of the slower one, and of both in a row."""
    both = sum(each.clock for each in tools.values())
    parts = [f"{each.clock / ours.clock:.0%} of {name}" for name, each in tools.items()]
    return ", ".join([*parts, f"{both / ours.clock:.0%} of both in a row"])


def _tool(command: Sequence[str], path: Path) -> Callable[[], object]:
    return lambda: subprocess.run([*command, path], check=True, stdout=subprocess.DEVNULL)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
