"""`imap-fast judge`: a multimodal language model scores saliency maps."""

import json
import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from imap_fast.cli import options
from imap_fast.cli.results import REMEDY, SomeFailed, working_in
from imap_fast.cli.runs import check_maps
from imap_fast.cli.streams import complain
from imap_fast.files import atomic_write

JUDGEMENTS = "judgements.json"

Price = Annotated[
    float | None,
    typer.Option(metavar="X", min=0, callback=options.finite, help="Price of a million tokens, for --dry-run."),
]


def judge(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.", show_default=False)],
    endpoint: Annotated[
        str, typer.Option(metavar="URL", help="An OpenAI-compatible server, such as https://api.openai.com/v1.")
    ],
    judge_model: Annotated[str, typer.Option(metavar="NAME", help="A model of that server that reads images.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing; show what would be sent, and estimate tokens and cost.")
    ] = False,
    price_in: Price = None,
    price_out: Price = None,
    output: options.Output = Path("imap-judge"),
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Let a multimodal language model score the maps of finished runs by the five criteria of the paper.

    Frames, heatmaps, concepts and prompts are sent to the endpoint, with the key in OPENAI_API_KEY if it is set.
    Answers are kept in the output folder: no request is paid twice, and an interrupted run resumes.

    The wording of the rubric is our own. Scores, from 1 to 5, can be compared between maps that one model judged here,
    but not with the table of the paper.
    """
    if (price_in is None) != (price_out is None):
        raise typer.BadParameter("give both, or neither", param_hint="--price-in, --price-out")
    if find_spec("requests") is None:
        raise ValueError("the judge needs requests: pip install 'imap-fast[judge]'")
    runs = list(dict.fromkeys(runs))
    for run in runs:
        check_maps(run)
    from imap_fast.cli.judge_run import Session

    session = Session(runs, endpoint, os.environ.get("OPENAI_API_KEY"), judge_model, output)
    if dry_run:
        with working_in(output):
            record = session.estimate()
        if price_in is not None:
            record["cost"] = (record["tokens_in"] * price_in + record["tokens_out"] * price_out) / 1e6
        typer.echo(json.dumps(record) if as_json else _summary(record))
        return
    with working_in(output):
        if (output / JUDGEMENTS).exists() and not overwrite:
            raise ValueError(f"{output} already holds {JUDGEMENTS}; {REMEDY}")
        record = session.judge()
        with atomic_write(output / JUDGEMENTS) as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    if as_json:
        typer.echo(json.dumps(record | {"files": {JUDGEMENTS: str(output / JUDGEMENTS)}}))
    else:
        Console(highlight=False).print(_table(record["criteria"], record["means"]))
        typer.echo(f"{output / JUDGEMENTS}  all scores, with their reasons")
    for about in record["unanswered"]:
        complain(f"no readable answer for {json.dumps(about)}")
    if record["unanswered"]:
        raise SomeFailed(f"{len(record['unanswered'])} of {session.total} not judged; --overwrite tries them again")


def _table(criteria: Iterable[str], means: dict[str, dict[str, float]]) -> Table:
    table = Table(title="Means over concepts and runs: 1 is worst, 5 is best", title_justify="left")
    table.add_column("criterion")
    for name in means:
        table.add_column(name, justify="right")
    for criterion in (*criteria, "overall"):
        table.add_row(criterion.replace("_", " "), *(f"{row[criterion]:.2f}" for row in means.values()))
    table.add_section()
    table.add_row("judged", *(str(row["judged"]) for row in means.values()))
    return table


def _summary(record: dict[str, Any]) -> str:
    cost = f"{record['cost']:,.4f} at these prices" if "cost" in record else "--price-in and --price-out give the cost"
    return "\n".join(
        [
            f"{record['requests']} requests to {record['endpoint']} for {record['model']}; "
            f"{record['answered_before']} are already answered",
            f"about {record['tokens_in']:,} tokens in and {record['tokens_out']:,} out: {cost}",
            f"({record['rule']})",
            *(f"  {path}" for path in record["files"].values()),
            "nothing was sent",
        ]
    )
