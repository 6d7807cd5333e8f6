"""What one run of `make bench` measured: one table, both ways to run Danglian side by side."""

from __future__ import annotations

from dataclasses import dataclass, field

EMBEDDED, SERVERS = "embedded", "servers"
_TITLES = {
    EMBEDDED: "SQLite, embedded link, folder",
    SERVERS: "PostgreSQL, RabbitMQ, S3",
}


@dataclass
class Table:
    """Rows in the order in which they were first measured."""

    _rows: dict[str, dict[str, str]] = field(default_factory=dict)
    _aims: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, stack: str, figure: str, *, aim: str = "") -> None:
        """Note a figure; it is printed at once, too, for whoever waits for the rest."""
        self._rows.setdefault(what, {})[stack] = figure
        self._aims[what] = aim or self._aims.get(what, "")
        print(f"\n{what} [{_TITLES[stack]}]: {figure}", flush=True)  # noqa: T201 - a measurement

    def __bool__(self) -> bool:
        return bool(self._rows)

    def markdown(self) -> str:
        """The table as it stands in `docs/performance.md`."""
        head = ["", "aim", *_TITLES.values()]
        rows = [
            [what, self._aims[what], *(figures.get(stack, "") for stack in _TITLES)]
            for what, figures in self._rows.items()
        ]
        lines = [head, ["---"] * len(head), *rows]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def seconds(value: float) -> str:
    """A time as people read it: `12 ms`, `1.24 s`, `25.3 s`."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def ratio(ours: float, plain: float) -> str:
    """How many times the plain limit's time ours is."""
    return f"1 : {ours / plain:.1f}"
