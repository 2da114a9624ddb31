"""The progress of work on stderr: a moving line on a terminal, nothing elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@contextmanager
def progress(console: Console, task: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """Show a task until the block ends, and yield a function that counts one of `total`.

    Args:
        console: on stderr.
        task: what is being done.
        total: how many times the function will be called. None if unknown.
    """
    if not console.is_terminal:
        yield lambda: None
        return
    columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn("{task.description}", markup=False)]
    columns += [BarColumn(), TextColumn("{task.completed:.0f} of {task.total:.0f}")] if total else []
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        number = bar.add_task(task, total=total)
        yield lambda: bar.advance(number)


@contextmanager
def frames_progress(console: Console, task: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a task and its remaining time until the block ends, and yield a function that updates them.

    The function takes the number of frames whose windows are finished, and of all frames (None if unknown). Frames that
    are finished at its first call belong to an earlier run, and do not count for the speed.
    """
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn()]
    columns += [TextColumn("{task.fields[done]}"), TimeRemainingColumn(elapsed_when_finished=True)]
    with Progress(*columns, console=console, transient=True) as bar:
        number = bar.add_task(task, total=None, done="")
        before: int | None = None

        def update(done: int, total: int | None) -> None:
            nonlocal before
            before = done if before is None else before
            position = f"frame {done:,} of {total:,}" if total else f"frame {done:,}"
            bar.update(number, completed=done - before, total=total and max(total, done) - before, done=position)

        yield update
