"""A bounded collection of what is newest, whatever the order it arrives in.

Partitions are read side by side live and one after the other from an archive: what a page shows
must not depend on that, so everything is ordered by the record it comes from.
"""

from __future__ import annotations

from typing import Final, Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
LISTED: Final = 50  # rows of a list on a page
SPARE: Final = 4  # how many times its size a collection may grow before it is cut


class Place(NamedTuple):
    """Where a record lies; they sort by log time, in milliseconds UTC."""

    at_ms: int
    topic: str
    partition: int
    offset: int


class Newest(Generic[Item]):
    """The `size` newest items by place."""

    __slots__ = ("_items", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: list[tuple[Place, Item]] = []

    def add(self, place: Place, item: Item) -> None:
        self._items.append((place, item))
        if len(self._items) > self._size * SPARE:
            self._cut()

    def since(self, at_ms: int) -> list[tuple[Place, Item]]:
        """Newest first; those at or after a log time."""
        self._cut()
        return [one for one in reversed(self._items) if one[0].at_ms >= at_ms]

    def _cut(self) -> None:
        self._items.sort(key=lambda one: one[0])
        del self._items[: -self._size]

    def __len__(self) -> int:
        return len(self._items)
