"""Random maps for tests of pictures."""

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
