"""Lists: sorting, searching, filtering and paging, by the address alone.

What cannot be understood in the address (an unknown sort, a page of letters) falls back to the
default, so that an old bookmark still opens. Where a page has several lists each has a name, which
stands before its arguments in the address (`items_page`) and is the id of its card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload
from urllib.parse import urlencode

from sqlalchemy import Select, func, inspect, or_, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

SIZES = (20, 50, 100)
_LONGEST_SEARCH = 200
_LARGEST_PAGE = 10_000_000

Item = TypeVar("Item")
Narrow = Callable[[Any, str], Any]


class Filter:
    """A select box above a list.

    Args:
        label: what it says.
        column: compared with the chosen value; or `apply` does it.
        choices: value to label, as a mapping or pairs.
        apply: `function(statement, value) -> statement`.
    """

    def __init__(
        self,
        label: str,
        column: Any = None,
        choices: Mapping[Any, str] | Iterable[tuple[Any, str]] = (),
        *,
        apply: Narrow | None = None,
    ) -> None:
        self.label = label
        pairs = choices.items() if isinstance(choices, Mapping) else choices
        self.choices = {str(value): text for value, text in pairs}
        self._column = column
        self._apply = apply

    def narrow(self, statement: Any, value: str) -> Any:
        """The statement with this filter's condition."""
        if self._apply is not None:
            return self._apply(statement, value)
        return statement.where(self._column == self._typed(value))

    def _typed(self, value: str) -> Any:
        try:
            kind = self._column.type.python_type
        except (AttributeError, NotImplementedError):
            return value
        if kind is bool:
            return value.lower() in {"1", "true"}
        return int(value) if kind is int else value


@dataclass(frozen=True)
class ShownFilter:
    """A filter as the page shows it."""

    name: str
    label: str
    choices: dict[str, str]
    value: str


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page of a list, with all that its controls need."""

    items: list[Item]
    total: int
    page: int
    pages: int
    size: int
    sort: str
    descending: bool
    search: str
    searchable: bool
    filters: tuple[ShownFilter, ...]
    sortable: frozenset[str]
    arguments: tuple[tuple[str, str], ...]
    #: More rows exist than were counted.
    more: bool = False
    #: Which of the lists of its page this is; empty for the only one.
    name: str = ""

    @property
    def first(self) -> int:
        """Number of the first row shown; 0 for none."""
        return (self.page - 1) * self.size + 1 if self.items else 0

    @property
    def last(self) -> int:
        """Number of the last row shown."""
        return self.first + len(self.items) - 1 if self.items else 0

    @property
    def narrowed(self) -> bool:
        """Whether a search or filter leaves rows out."""
        return bool(self.search) or any(each.value for each in self.filters)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The page sizes to choose from."""
        return SIZES

    @property
    def window(self) -> list[int | None]:
        """Page numbers to offer; None stands for a gap."""
        near = {1, self.pages, *range(max(1, self.page - 2), min(self.pages, self.page + 2) + 1)}
        shown: list[int | None] = []
        for number in sorted(near):
            if shown and shown[-1] is not None and number > shown[-1] + 1:
                shown.append(None)
            shown.append(number)
        return shown

    def argument(self, name: str) -> str:
        """What an argument of this list is called in the address."""
        return _named(self.name, name)

    def url(self, **changes: object) -> str:
        """The address of this list with some arguments changed; None takes one away.

        Whatever changes but the page itself leads back to the first page.
        """
        changed = {self.argument(name): value for name, value in changes.items()}
        dropped = {self.argument("page"), *changed}
        pairs = [(name, value) for name, value in self.arguments if name not in dropped]
        pairs += [(name, str(value)) for name, value in changed.items() if value is not None]
        return "?" + urlencode(pairs) + self.anchor

    @property
    def anchor(self) -> str:
        """Where this list stands on its page, as the end of an address."""
        return f"#{self.name}" if self.name else ""

    def sort_url(self, name: str) -> str:
        """The address that sorts by this column, or turns its order around."""
        turned = self.sort == name and not self.descending
        return self.url(sort=f"-{name}" if turned else name)

    @property
    def clear_url(self) -> str:
        """The address without search and filters."""
        return self.url(q=None, **{each.name: None for each in self.filters})

    @property
    def kept(self) -> list[tuple[str, str]]:
        """Arguments that the search form must carry along."""
        own = {self.argument(each) for each in ("q", "page", *(one.name for one in self.filters))}
        return [(name, value) for name, value in self.arguments if name not in own]


class Listing:
    """What a request asks of a list. Made by `from_request`, used once by `apply`."""

    def __init__(
        self,
        arguments: MultiDict[str, str],
        *,
        sorts: Mapping[str, Any],
        default_sort: str,
        filters: Mapping[str, Filter],
        search: Iterable[Any] | Narrow,
        size: int,
        name: str,
    ) -> None:
        self._arguments = arguments
        self._name = name
        self._sorts = sorts
        self._filters = filters
        self._search: tuple[Any, ...] | Narrow = search if callable(search) else tuple(search)
        wanted = self._given("sort") or default_sort
        if wanted.removeprefix("-") not in sorts:
            wanted = default_sort
        self.sort = wanted.removeprefix("-")
        self.descending = wanted.startswith("-")
        typed = "".join(each for each in self._given("q") if each.isprintable())
        self.search = typed.strip()[:_LONGEST_SEARCH] if self._search else ""
        self.page = min(max(1, _number(self._given("page"), 1)), _LARGEST_PAGE)
        self.size = _number(self._given("size"), size)
        if self.size not in SIZES:
            self.size = size

    @classmethod
    def from_request(
        cls,
        arguments: MultiDict[str, str],
        *,
        sorts: Mapping[str, Any],
        default_sort: str,
        filters: Mapping[str, Filter] | None = None,
        search: Iterable[Any] | Narrow = (),
        size: int = SIZES[0],
        name: str = "",
    ) -> Listing:
        """Read `request.args`.

        Args:
            arguments: the query of the request.
            sorts: name in the address to column.
            default_sort: one of these names; with "-" in front, descending.
            filters: name in the address to filter.
            search: columns in which the search box looks, or `function(statement, text)`.
            size: rows to a page, unless the reader chose another.
            name: which of several lists of a page this is.
        """
        return cls(
            arguments,
            sorts=sorts,
            default_sort=default_sort,
            filters=filters or {},
            search=search,
            size=size,
            name=name,
        )

    def _given(self, argument: str) -> str:
        return self._arguments.get(_named(self._name, argument), "")

    def filter_value(self, name: str) -> str:
        """The chosen value of a filter; empty when none, or none of its choices."""
        value = self._given(name)
        return value if value in self._filters[name].choices else ""

    def narrowed(self, statement: Any) -> Any:
        """The statement with search and filters (for exports of the whole list)."""
        for name, each in self._filters.items():
            if value := self.filter_value(name):
                statement = each.narrow(statement, value)
        if self.search and callable(self._search):
            statement = self._search(statement, self.search)
        elif self.search and not callable(self._search):
            statement = statement.where(
                or_(*(each.icontains(self.search, autoescape=True) for each in self._search))
            )
        return statement

    def ordered(self, statement: Any) -> Any:
        """The statement in the chosen order; the primary key decides between equals."""
        order = [self._sorts[self.sort], *_primary_key(statement)]
        return statement.order_by(None).order_by(
            *(each.desc() if self.descending else each.asc() for each in order)
        )

    @overload
    def apply(
        self, statement: Select[Item], *, session: Session, count_limit: int | None = None
    ) -> Page[Item]: ...

    @overload
    def apply(
        self, statement: Any, *, session: Session, count_limit: int | None = None
    ) -> Page[Any]: ...

    def apply(
        self, statement: Any, *, session: Session, count_limit: int | None = None
    ) -> Page[Any]:
        """Run the list: one query that counts, one that reads the page.

        A page beyond the end is the last one. With `count_limit` no more rows than that are
        counted, for tables in which counting takes long.
        """
        narrowed = self.narrowed(statement)
        counted = narrowed.order_by(None)
        if count_limit is not None:
            counted = counted.limit(count_limit + 1)
        total = session.scalar(select(func.count()).select_from(counted.subquery())) or 0
        more = count_limit is not None and total > count_limit
        total = min(total, count_limit) if count_limit is not None else total
        page = min(self.page, self._pages(total))
        rows = self.ordered(narrowed).limit(self.size).offset((page - 1) * self.size)
        single = len(statement.column_descriptions) == 1
        items = list(session.scalars(rows) if single else session.execute(rows))
        return self._shown(items, total, page, more=more)

    def apply_to(self, items: Sequence[Item]) -> Page[Item]:
        """Run the list over what is at hand already, and does not lie in a table by itself.

        Sorts and search columns are functions of an item; nothing (None) sorts last. What is
        equal, and all of a sort without function, stays in the order that was given.
        """
        found = self.chosen(items)
        page = min(self.page, self._pages(len(found)))
        start = (page - 1) * self.size
        return self._shown(found[start : start + self.size], len(found), page)

    def chosen(self, items: Sequence[Item]) -> list[Item]:
        """All items that search and filters let through, in the chosen order (for exports)."""
        found: list[Item] = list(items)
        for name, each in self._filters.items():
            if value := self.filter_value(name):
                found = list(each.narrow(found, value))
        if self.search and not callable(self._search):
            wanted, reads = self.search.casefold(), self._search
            found = [
                item
                for item in found
                if any(wanted in (read(item) or "").casefold() for read in reads)
            ]
        if read_key := self._sorts[self.sort]:
            found.sort(key=lambda item: _nothing_last(read_key(item)), reverse=self.descending)
        elif self.descending:
            found.reverse()
        return found

    def _pages(self, total: int) -> int:
        return max(1, -(-total // self.size))

    def _shown(self, items: list[Any], total: int, page: int, *, more: bool = False) -> Page[Any]:
        return Page(
            items=items,
            total=total,
            page=page,
            pages=self._pages(total),
            size=self.size,
            sort=self.sort,
            descending=self.descending,
            search=self.search,
            searchable=bool(self._search),
            filters=tuple(
                ShownFilter(name, each.label, each.choices, self.filter_value(name))
                for name, each in self._filters.items()
            ),
            sortable=frozenset(self._sorts),
            arguments=tuple(self._arguments.items(multi=True)),
            more=more,
            name=self._name,
        )


def _named(name: str, argument: str) -> str:
    """An argument of a list in the address: `page`, or `items_page` of the list `items`."""
    return f"{name}_{argument}" if name else argument


def _nothing_last(value: Any) -> tuple[bool, Any]:
    return value is None, value


def _number(text: str | None, default: int) -> int:
    try:
        return int(text) if text and len(text) < 20 else default
    except ValueError:
        return default


def _primary_key(statement: Any) -> list[Any]:
    """The primary key of what the statement selects first; empty for plain expressions."""
    for each in statement.column_descriptions:
        entity = each.get("entity")
        if entity is not None:
            mapper = inspect(entity).mapper
            return [
                getattr(entity, mapper.get_property_by_column(key).key)
                for key in mapper.primary_key
            ]
    return []
