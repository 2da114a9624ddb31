"""Random maps for tests of pictures."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from imap_fast.maps.saliency_maps import SaliencyMaps

NASTY_LABELS = (
    "red $x_1^2$ circle \\frac{1}{2} & <b>bold</b>",
    "שלום עולם",
    "مرحبا بالعالم",
    "日本語のラベル",
    "e" * 500,
    "🦙\u202e evil",
    "line\nbreak\ttab",
)


def make_maps(labels=("alpaca", "running", "grass"), grid=(3, 5, 7), videos=None, seed=0, **settings) -> SaliencyMaps:
    """Random `imap` and `gramcol`, with scores of four layers of six heads."""
    generator = torch.Generator().manual_seed(seed)
    lead = () if videos is None else (videos,)
    scores = torch.rand(*lead, 4, 6, generator=generator) * 100
    return SaliencyMaps(
        maps={name: torch.randn(*lead, len(labels), *grid, generator=generator) for name in ("imap", "gramcol")},
        labels=tuple(labels),
        layers=(1, 3, 5, 8),
        steps=(30,),
        head_scores=scores,
        selected_heads=scores.topk(2).indices,
        settings={"head_score": "chi", "temporal_compression": 4, "patch_size_t": None, **settings},
    )


def with_inside(
    maps: SaliencyMaps, keep: Sequence[str] = ("layers", "steps"), heads: Sequence[tuple[int, int]] = ((3, 5), (1, 0))
) -> SaliencyMaps:
    """The same maps with random ones of single layers, steps and heads. Their means are the maps."""
    generator = torch.Generator().manual_seed(1)
    axes = len(maps.layers) if "layers" in keep else 1, len(maps.steps) if "steps" in keep else 1
    kept = {}
    for name, values in maps.maps.items():
        shape = *values.shape[:-4], *axes, *values.shape[-4:]
        noise = torch.randn(shape, generator=generator)
        kept[name] = values[..., None, None, :, :, :, :] + noise - noise.mean((-6, -5), keepdim=True)
    lead = maps.imap.shape[:-4]
    single = torch.randn(*lead, len(heads), *maps.imap.shape[-4:], generator=generator) if heads else None
    inside = {"keep": list(keep)} if keep else {}
    settings = maps.settings | inside | ({"heads": [list(pair) for pair in heads]} if heads else {})
    return replace(maps, kept=kept if keep else None, single_heads=single, settings=settings)


def with_text_attention(maps: SaliencyMaps) -> SaliencyMaps:
    """The same maps with some text attention."""
    count, lead = len(maps.labels), maps.imap.shape[:-4]
    shares = torch.rand(*lead, count, count, generator=torch.Generator().manual_seed(2)) / count
    return replace(maps, text_to_text=shares, settings=maps.settings | {"text_attention": True})


def in_two_shots(**changed: object) -> SaliencyMaps:
    """Random maps of a video of two shots: ten frames, of which nine are covered, and five."""
    shots = [
        {"first_frame": 0, "num_frames": 9, "seconds": 0.0},
        {"first_frame": 10, "num_frames": 5, "seconds": 1.25},
    ]
    read = {"num_frames": 15, "height": 40, "width": 56, "fps": 8.0, "shots": shots}
    return make_maps(**{"grid": (5, 5, 7), **changed}, video=read)
