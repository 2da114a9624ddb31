"""What a report says beside its pictures, as the JSON that its page reads."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.colors import Colormap, to_hex

from imap_fast.maps import MAP_NAMES
from imap_fast.render.heads import colour_scale, score_name
from imap_fast.render.heat import COLOURS
from imap_fast.render.palette import BRIGHT, DEEP
from imap_fast.render.timeline import ACTIVE, active_frames, every_frame, saliency_over_time
from imap_fast.render.upsample import latent_frame_times
from imap_fast.report.footage import EmbeddedVideo
from imap_fast.version import __version__

if TYPE_CHECKING:
    from imap_fast.maps import SaliencyMaps

SHOWN_ELSEWHERE = {"prompt", "caption", "labels", "grid", "layers", "selected_heads", "settings", "auc", "files"}
"""Of a run's record, and of its maps' settings."""

TITLE = 8
"""Labels that make the title where there is no prompt."""

NO_SCORE = 0.55
"""Grey level of a head whose score is not a number."""

FIRST = ("command", "model", "seed", "steps")
"""What a reader looks for; the rest follows as it comes."""


def content(maps: "SaliencyMaps", video: EmbeddedVideo, run: Mapping[str, Any]) -> dict[str, Any]:
    """Everything the page is told; planes, video and figures follow it as blocks of their own.

    Args:
        maps: of one video.
        video: that they are shown over.
        run: what is known of the run beyond the maps' own settings, such as its seed.

    Raises:
        ValueError: the video is not as long as the maps.
    """
    prompt = maps.settings.get("prompt")  # several, where the pipeline was given several
    times = latent_frame_times(maps.grid[0], video.num_frames, **maps.time)
    return {
        "version": __version__,
        "title": prompt if isinstance(prompt, str) else ", ".join(prompt or maps.labels[:TITLE]),
        "video": {"frames": video.num_frames, "fps": video.fps, "height": video.height, "width": video.width},
        "grid": maps.grid,
        "times": times.tolist(),
        "active": ACTIVE,
        "maps": [_map(maps, name, video.num_frames) for name in sorted(maps.maps, key=MAP_NAMES.index)],
        "colours": {"heat": _table(COLOURS), "bright": BRIGHT, "deep": DEEP},
        "heads": _heads(maps),
        "run": _run(maps, run),
    }


def _map(maps: "SaliencyMaps", name: str, num_frames: int) -> dict[str, Any]:
    saliency = torch.cat([saliency_over_time(concept[None]) for concept in maps.maps[name]])
    return {
        "name": name,
        "labels": maps.labels_of(name),
        "saliency": [[round(value, 3) for value in curve] for curve in saliency.tolist()],
        "active": [active_frames(curve) for curve in every_frame(saliency, num_frames, **maps.time)],
    }


def _heads(maps: "SaliencyMaps") -> dict[str, Any]:
    scores = maps.head_scores.float().numpy()
    scale, norm = colour_scale(maps)
    finite = np.isfinite(scores)
    colours = scale(norm(np.where(finite, scores, norm.vmin)))
    colours[~finite, :3] = NO_SCORE
    return {
        "score": score_name(maps),
        "layers": maps.layers,
        "scores": [[float(f"{score:.4g}") if np.isfinite(score) else None for score in layer] for layer in scores],
        "colours": [[to_hex(colour) for colour in layer] for layer in colours],
        "chosen": maps.selected_heads.tolist(),
        "scale": {"low": f"{norm.vmin:.3g}", "high": f"{norm.vmax:.3g}", "colours": _table(scale)},
    }


def _table(colours: Colormap) -> str:
    """256 colours as one hexadecimal text."""
    return (colours(np.arange(256))[:, :3] * 255).round().astype(np.uint8).tobytes().hex()


def _run(maps: "SaliencyMaps", run: Mapping[str, Any]) -> list[tuple[str, str]]:
    settings = {name: value for name, value in maps.settings.items() if name != "video"}  # its size is above the player
    rows = _rows(settings) | _rows(run) | _rows({"steps": maps.steps})
    return sorted(rows.items(), key=lambda row: FIRST.index(row[0]) if row[0] in FIRST else len(FIRST))


def _rows(record: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Nested settings as names and readable values; what is None, or shown elsewhere, is left out."""
    rows: dict[str, str] = {}
    for key, value in record.items():
        name = f"{above} {key}".strip().replace("_", " ")
        if value is None or (not above and key in SHOWN_ELSEWHERE):
            continue
        if isinstance(value, Mapping):
            rows |= _rows(value, "" if key == "versions" else name)
        else:
            rows[name] = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return rows
