"""Work ahead in threads: order, errors, and that it ends."""

import threading
import time

import pytest

from imap_fast.ahead import ahead, mapped


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_every_item_comes_before_the_error() -> None:
    def items():
        yield from range(5)
        raise ValueError("the end")

    found = []

    def take() -> None:
        with ahead(items()) as ready:
            found.extend(ready)

    for run in (take, lambda: found.extend(mapped(lambda number: number, items()))):
        with pytest.raises(ValueError, match="the end"):
            run()
    assert found == [0, 1, 2, 3, 4] * 2


def test_items_that_cannot_begin_or_end_do_not_hang() -> None:
    class Broken:
        def __iter__(self):
            raise ValueError("no beginning")

    with ahead(Broken()) as ready, pytest.raises(ValueError, match="no beginning"):
        next(ready)

    def items():
        try:
            yield 1
        finally:
            raise ValueError("no end")

    with ahead(items()) as ready:
        assert next(ready) == 1
        with pytest.raises(ValueError, match="no end"):
            next(ready)
    with ahead(items()) as ready:
        assert next(ready) == 1


def test_no_more_than_most_wait() -> None:
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    with ahead(items(), 2) as ready:
        for item in ready:
            time.sleep(0.001)
            assert len(made) <= item + 4, "this one, two that wait, and the one at which the thread works"
    assert len(made) == 100


def endless(closed: list[bool]):
    try:
        yield from range(10**9)
    finally:
        closed.append(True)


def test_the_thread_stops_where_the_block_ends() -> None:
    closed: list[bool] = []

    def interrupted() -> None:
        with ahead(endless(closed)) as ready:
            next(ready)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert closed == [True]
    assert "ahead" not in threads()


def test_results_come_in_order_from_several_threads() -> None:
    def slow(number: int) -> int:
        time.sleep(0.001 * (number % 3))
        return number**2

    assert list(mapped(slow, range(40))) == [number**2 for number in range(40)]


def test_a_closed_map_ends_its_threads_and_its_source() -> None:
    closed: list[bool] = []
    results = mapped(str, endless(closed))
    assert [next(results) for _ in range(3)] == ["0", "1", "2"]
    results.close()
    assert closed == [True]
    assert not [name for name in threads() if name.startswith(("ahead", "ThreadPool"))]


def test_an_error_of_the_function_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(mapped(lambda number: 1 / (number - 3), range(10)))
