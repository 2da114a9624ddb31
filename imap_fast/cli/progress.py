"""What a person sees while work is under way: on a terminal a moving line on stderr, elsewhere nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


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
