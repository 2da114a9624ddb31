"""What an hour of film costs, and what its maps are worth. `python -m benchmarks.long_video COMMAND`:

cost      per second of video, stage by stage, and the wall time of maps and overlay, here and in another checkout
sleeping  how well decoding and a model that only sleeps overlap
memory    peaks of a film and of ten copies of it
flops     arithmetic of a window and of a second of film, and the predicted time of an hour on a GPU
quality   AUC of objects, motions and moments by frame rate and overlap, and the seams between windows

Each writes `benchmarks/results/long-video-COMMAND.json` row by row.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from benchmarks.record import RESULTS, Table


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, write each row as soon as it is known, and print it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.long_video",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    added = {name: commands.add_parser(name) for name in ("cost", "sleeping", "memory", "flops", "quality")}
    for name in ("cost", "sleeping", "memory"):
        added[name].add_argument("--seconds", type=float, default=60, help="of the film that is rendered")
    added["cost"].add_argument("--model", default="demo", help="folder of a pipeline; default: demo")
    added["cost"].add_argument("--video", type=Path, help="in place of the rendered film")
    added["cost"].add_argument("--against", type=Path, metavar="CHECKOUT", help="of another version")
    added["quality"].add_argument("--scenes", type=int, default=100)
    added["quality"].add_argument("--workers", type=int, default=1, help="processes")
    for command in added.values():
        command.add_argument("--output", type=Path, help="default: benchmarks/results/long-video-COMMAND.json")
    arguments = parser.parse_args(argv)
    table = Table(arguments.output or RESULTS / f"long-video-{arguments.command}.json")
    for rows in measured(arguments):
        table.add(rows)
        for each in rows:
            value = "–" if each["value"] is None else f"{each['value']:.4g}"
            print(f"{each['name']}; {each['shape']}: {value} {each['unit']}", flush=True)
    print(f"{len(table.rows)} rows in {table.path}")


def measured(arguments: argparse.Namespace) -> Iterator[list[dict[str, object]]]:
    """The rows of a command, as they come."""
    # Each imports what it needs, because torch and diffusers are slow to load.
    if arguments.command == "flops":
        from benchmarks.long_video import flops

        yield from flops.measure()
    elif arguments.command == "quality":
        from benchmarks.long_video import quality

        yield from quality.measure(arguments.scenes, arguments.workers)
    elif arguments.command == "cost":
        from benchmarks.long_video import cost

        with nullcontext(arguments.video) if arguments.video else rendered(arguments.seconds) as video:
            yield from cost.measure(video, arguments.model, arguments.against)
    else:
        from benchmarks.long_video import cost, memory, sleeping

        with rendered(arguments.seconds) as video:
            shape, _ = cost.described(video, "demo")
            yield from {"sleeping": sleeping, "memory": memory}[arguments.command].measure(video, shape)


@contextmanager
def rendered(seconds: float) -> Iterator[Path]:
    """A film of this length, in a folder that is removed afterwards."""
    from benchmarks.long_video.film import Film

    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "film.mp4"
        Film(seconds).save(video)
        yield video


if __name__ == "__main__":
    main()
