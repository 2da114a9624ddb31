"""What `imap-fast layers` says of its choice: a table, or JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from imap_fast.layers.by_tracking import TrackingChoice
    from imap_fast.layers.choose import LayerChoice


def choice_record(choice: LayerChoice | TrackingChoice) -> dict[str, Any]:
    """The choice as JSON values."""
    from imap_fast.layers.choose import LayerChoice

    return _layer_record(choice) if isinstance(choice, LayerChoice) else _tracking_record(choice)


def print_choice(choice: LayerChoice | TrackingChoice) -> None:
    """Print a table of all layers, and the chosen ones."""
    from imap_fast.layers.choose import LayerChoice

    if isinstance(choice, LayerChoice):
        _print_layers(choice)
    else:
        _print_tracking(choice)
    typer.echo(f"layers={list(choice.layers)}")


def _layer_record(choice: LayerChoice) -> dict[str, Any]:
    heads = {"lambda_2": choice.eigenvalues, "head_scores": choice.head_scores, "head_auc": choice.head_auc}
    return {
        "layers": choice.layers,
        "step": choice.step,
        "auc": {name: values.tolist() for name, values in choice.auc.items()},
        "correlation": choice.correlation,
        "heads": {name: values.tolist() for name, values in heads.items() if values is not None},
    }


def _print_layers(choice: LayerChoice) -> None:
    """λ₂ and AUC of all layers."""
    table = Table()
    for heading in ("layer", "λ₂", *(f"AUC {name}" for name in choice.auc)):
        table.add_column(heading, justify="right")
    table.add_column("read", justify="center")
    for layer, eigenvalue in enumerate(choice.eigenvalues.mean(1)):
        auc = (f"{values[layer]:.2f}" for values in choice.auc.values())
        table.add_row(str(layer), f"{eigenvalue:.3f}", *auc, "✓" if layer in choice.layers else "")
    console = Console(highlight=False)
    console.print(table)
    if choice.correlation is not None and choice.head_auc is not None:
        console.print(f"separation score and AUC of {choice.head_auc.numel()} heads: r = {choice.correlation:.2f}")


def _tracking_record(choice: TrackingChoice) -> dict[str, Any]:
    return {
        "by": "tracking",
        "layers": choice.layers,
        "step": choice.step,
        "map": choice.map,
        "jaccard": choice.jaccard.tolist(),
        "within": choice.within.tolist(),
        "heads": {"jaccard": choice.head_jaccard.tolist()},
    }


def _print_tracking(choice: TrackingChoice) -> None:
    """How well all layers follow points, each with its best head."""
    table = Table()
    for heading in ("layer", "AJ", "δ", "best head", "its AJ"):
        table.add_column(heading, justify="right")
    table.add_column("read", justify="center")
    for layer, heads in enumerate(choice.head_jaccard):
        best = int(heads.argmax())
        measured = (f"{values[layer]:.3f}" for values in (choice.jaccard, choice.within))
        read = "✓" if layer in choice.layers else ""
        table.add_row(str(layer), *measured, f"{layer}:{best}", f"{heads[best]:.3f}", read)
    Console(highlight=False).print(table)
