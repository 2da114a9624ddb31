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


def in_two_shots(**changed: object) -> SaliencyMaps:
    """Random maps of a video of two shots: ten frames, of which nine are covered, and five."""
    shots = [
        {"first_frame": 0, "num_frames": 9, "seconds": 0.0},
        {"first_frame": 10, "num_frames": 5, "seconds": 1.25},
    ]
    read = {"num_frames": 15, "height": 40, "width": 56, "fps": 8.0, "shots": shots}
    return make_maps(**{"grid": (5, 5, 7), **changed}, video=read)
