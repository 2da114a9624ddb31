"""Work that is done in threads, ahead of who needs its results: `ahead` in one, `mapped` on all cores."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Condition, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_WORKERS = 4
"""Threads of `mapped`. They keep up with a decoder, and a few large frames are in memory for each."""


@contextmanager
def ahead(items: Iterable[Item], most: int = 1) -> Iterator[Iterator[Item]]:
    """Iterate over `items` in a thread, and yield an iterator of them in the same order.

    An error of `items` is raised where the iterator would yield the next one. At the end of the `with` block the thread
    is waited for: it stops after the item at which it works, and `items` is closed.

    Args:
        items: used by the thread alone.
        most: the largest number of items that wait.
    """
    work = _Ahead(items, most)
    work.start()
    try:
        yield work.results()
    finally:
        work.stop()


def mapped(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield `function(item)` for each item, in order, computed in threads. The items are made in one more thread.

    Errors are raised in their place. If the iterator is closed, everything stops.
    """
    workers = min(MOST_WORKERS, os.cpu_count() or 1)
    with (
        ThreadPoolExecutor(workers) as pool,
        ahead((pool.submit(function, item) for item in items), workers) as futures,
    ):
        for future in futures:
            yield future.result()


class _Ahead(Thread, Generic[Item]):
    """The thread, and what it has finished."""

    def __init__(self, items: Iterable[Item], most: int) -> None:
        super().__init__(name="ahead", daemon=True)
        self._items, self._most = items, most
        self._changed = Condition()
        self._ready: deque[Item] = deque()
        self._is_stopped = self._is_over = False
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    self._ready.append(item)
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._is_stopped or len(self._ready) < self._most)
                    if self._is_stopped:
                        break
                del item  # not in memory while the next one is made
            if hasattr(self._items, "close"):
                self._items.close()
        except BaseException as error:  # raised where it is seen
            self._error = error
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify_all()

    def results(self) -> Iterator[Item]:
        """Yield the items as they are ready."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ready or self._is_over)
                if not self._ready:
                    break
                item = self._ready.popleft()
                self._changed.notify_all()
            yield item
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End the thread."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        self.join()
