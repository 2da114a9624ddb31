"""What a person sees while work is under way: on a terminal a moving line on stderr, elsewhere nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@contextmanager
def progress(console: Console, what: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """Show `what` until the block ends, and give a function that counts one of `total`.

    Args:
        console: on stderr.
        what: is being done.
        total: how many times the function will be called; None where that is not known.
    """
    if not console.is_terminal:
        yield lambda: None
        return
    columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False)]
    columns += [BarColumn(), TextColumn("{task.completed:.0f} of {task.total:.0f}")] if total else []
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def windows_progress(console: Console, what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show `what` until the block ends, with the time that remains, and give a function that is told how far it is.

    The function takes the number of windows done, and of all, or None where that is not known. What is done at its
    first call was done before, and tells nothing of the pace.
    """
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn()]
    columns += [TextColumn("{task.fields[done]}"), TimeRemainingColumn(elapsed_when_finished=True)]
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None, done="")
        before = None

        def told(done: int, total: int | None) -> None:
            nonlocal before
            before = done if before is None else before
            shown = f"window {done} of {total}" if total else f"window {done}"
            bar.update(task, completed=done - before, total=total and max(total, done) - before, done=shown)

        yield told
