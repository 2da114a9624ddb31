"""Maps from soft surrogates are those of their equation, on every model, with padding by its multiplicity."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import imap_fast
from imap_fast.models.read_layer import ReadLayer
from imap_fast.models.text_rows import TextRows
from imap_fast.tracing.running_maps import RunningMaps
from imap_kernels import SEGMENTS
from tests.architectures import Architecture
from tests.assertions import assert_close

LAYERS, TOP_K = [0, 1, 2], 2


def equation(query: Tensor, features: Tensor, text: TextRows, frames: int, over: str) -> Tensor:
    """`z` of every head and text key, fp64 `[A, K, N]`, with each padding row as a row of its own."""
    query, features, key = (rows.double() for rows in (query, features, text.key))
    spelled = torch.repeat_interleave(torch.arange(len(text.multiplicity)), text.multiplicity.long())
    first = torch.searchsorted(spelled, torch.arange(len(text.multiplicity)))
    dim = query.shape[-1]
    key, z = key[:, spelled], []
    segments = frames if over == "frame" else 1
    for q, o, k in zip(query, features, key, strict=True):
        parts = zip(q.chunk(segments), o.chunk(segments), strict=True)
        g = torch.cat([((3 * k @ part.T / dim**0.5).softmax(1) @ values) @ values.T for part, values in parts], 1)
        z.append(((g - g.mean(0)) / (g.std(0) + 1e-6))[first])
    return torch.stack(z)


def traced(architecture: Architecture, monkeypatch: pytest.MonkeyPatch, **arguments: object):
    """The maps of a forward pass, and what each layer gave the sums."""
    given, add_layer = [], RunningMaps.add_layer

    def keep(self, read: ReadLayer) -> None:
        text = TextRows(read.text.key.clone(), None, read.text.multiplicity.clone())
        given.append((read.query.clone(), read.features.clone(), text))
        add_layer(self, read)

    monkeypatch.setattr(RunningMaps, "add_layer", keep)
    arguments = {**architecture.arguments, "layers": LAYERS, "top_k": TOP_K, **arguments}
    concepts = None if arguments.get("match") == "prompt" else architecture.concepts()
    transformer, inputs = architecture.transformer(), architecture.draw(padding=5)
    with torch.no_grad(), imap_fast.trace(transformer, concepts, **arguments) as tracer:
        transformer(**inputs)
    return tracer.maps, given


@pytest.mark.parametrize(
    ("match", "backend"),
    # A kernel does not know whose text keys it is given.
    [(None, "reference"), ("prompt", "reference"), pytest.param("prompt", "triton", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("over", SEGMENTS)
def test_maps_are_those_of_the_equation(
    architecture: Architecture, over: str, match: str | None, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {} if match is None else {"match": match}
    maps, given = traced(architecture, monkeypatch, surrogates=over, backend=backend, **chosen)
    assert maps.settings["surrogates"] == over
    contrast = torch.stack([equation(*layer, maps.grid[0], over) for layer in given])  # [L, A, K, N]
    rows = min(len(maps.labels), contrast.shape[2])  # a label of padding has the map of its row
    # Random text keys attend alike: what tells their surrogates apart is small, and so its rounding large.
    assert_close(maps.gramcol.flatten(1)[:rows], contrast.sum(1).mean(0)[:rows], 3e-3)
    heads = maps.selected_heads[:, :, None, None].expand(-1, -1, *contrast.shape[2:])
    assert_close(maps.imap.flatten(1)[:rows], contrast.gather(1, heads).mean(1).mean(0)[:rows], 3e-3)


def test_scores_and_motion_heads_do_not_depend_on_surrogates(
    architecture: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    default, _ = traced(architecture, monkeypatch)
    for surrogates in ("argmax", *SEGMENTS):
        maps, _ = traced(architecture, monkeypatch, surrogates=surrogates)
        assert torch.equal(maps.head_scores, default.head_scores)
        assert torch.equal(maps.selected_heads, default.selected_heads)
        assert torch.equal(maps.imap, default.imap) == (surrogates == "argmax")


def test_another_name_is_refused(architecture: Architecture) -> None:
    arguments = {**architecture.arguments, "surrogates": "video"}
    with pytest.raises(ValueError, match=r"^surrogates='video' is unknown; choose one of argmax, frame, clip$"):
        imap_fast.trace(architecture.transformer(), architecture.concepts(), **arguments)
