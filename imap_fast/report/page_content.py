"""The JSON that the page of a report reads: everything except videos, maps and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import PureWindowsPath
from typing import Any

import numpy as np
from matplotlib.colors import Colormap, to_hex

from imap_fast.events.clock import Clock
from imap_fast.events.detect import curves_over_time, detect
from imap_fast.masks.threshold import OTSU_TWICE
from imap_fast.render.heads import colour_scale, score_name
from imap_fast.render.heatmap import COLOURS
from imap_fast.render.palette import BRIGHT, DEEP
from imap_fast.report.data import BY_CONCEPT, ReportData
from imap_fast.report.file_time import file_time
from imap_fast.report.meanings import meaning, meaning_by_concept
from imap_fast.report.trails import trails
from imap_fast.report.video import EmbeddedVideo
from imap_fast.text.model_name import model_name
from imap_fast.text.part import is_head, part_name
from imap_fast.version import __version__

SHOWN_ELSEWHERE = {
    "prompt",
    "caption",
    "labels",
    "grid",
    "layers",
    "selected_heads",
    "agreement",
    "settings",
    "auc",
    "shown",
    "files",
    "options",
    "not_written",
    "sha256",
    "digest",
}
"""Entries of the settings and of the run that the table of facts leaves out: they are shown elsewhere, or they tell
runs and files apart and say nothing about the maps."""

UNKNOWN = "unknown: the maps are of one noise, or of one step"
"""What the table of facts says of the agreement if there are no repeats."""

UNKNOWN_OF_PART = "unknown: only that of the whole maps is measured"
"""The same of a single layer, step or head."""

SHOTS_IN_FACTS = 12
"""The largest number of shots whose times the table of facts names. A film has hundreds."""

NO_SCORE = 0.55
"""Grey level of a head whose score is not a number."""

FIRST = ("command", "model", "seed", "seeds", "steps")
"""The rows at the top of the table of facts. The others keep their order."""


def content(data: ReportData, video: EmbeddedVideo) -> dict[str, Any]:
    """The content of the page as JSON values.

    Raises:
        ValueError: the video is not as long as the maps.
    """
    times = data.frame_times(video.num_frames)
    clock = data.clock(video.fps)
    return {
        "version": __version__,
        "title": data.title,
        "video": {"frames": video.num_frames, "fps": video.fps, "height": video.height, "width": video.width},
        "grid": data.grid,
        "times": times.tolist(),
        "cuts": data.time.cuts,
        "threshold": OTSU_TWICE,
        "shots": data.shots,
        "maps": _maps(data, video.num_frames, clock),
        "colours": {"heat": colour_table(COLOURS), "bright": BRIGHT, "deep": DEEP},
        "heads": _heads(data),
        "run": _facts(data),
    }


def _maps(data: ReportData, num_frames: int, clock: Clock | None) -> list[dict[str, Any]]:
    """What can be chosen to be shown: the map of each concept, if things and motions have different ones; each map."""
    maps = {
        name: {
            **_map(name, data, num_frames, clock),
            "planes": [plane_id(number, concept) for concept in range(len(data.maps[name][0]))],
            "masks": [mask_id(number, concept) for concept in range(len(data.maps[name][0]))],
            "meaning": meaning(name, data.settings),
            "trails": trails(name, data, num_frames),
            "agreement": _agreement(data, name),
        }
        for number, name in enumerate(data.maps)
    }
    if data.shown_maps is None:
        return list(maps.values())
    by_concept = {
        key: [maps[name][key][place] for _, name, place in data.shown_first]
        for key in ("labels", "saliency", "events", "planes", "masks", "agreement")
        if key != "agreement" or data.agreements is not None
    }
    of_labels = [(maps[name]["trails"] or {}, place) for _, name, place in data.shown_first]
    shown = list(data.shown_maps.values())
    rest = {
        "trails": [of_map[place] if of_map else None for of_map, place in of_labels],
        "name": BY_CONCEPT,
        "of": shown,
        "meaning": meaning_by_concept(shown, data.settings),
    }
    return [{"agreement": None} | by_concept | rest, *maps.values()]


def plane_id(number: int, concept: int) -> str:
    """The id of the element that holds a concept of a map, each by its place."""
    return f"planes-{number}-{concept}"


def mask_id(number: int, concept: int) -> str:
    """The same of its mask."""
    return f"masks-{number}-{concept}"


def _map(name: str, data: ReportData, num_frames: int, clock: Clock | None) -> dict[str, Any]:
    labels, values = data.maps[name]
    saliency = curves_over_time(values)
    events = detect(dict(zip(labels, saliency, strict=True)), dict.fromkeys(labels, name), data.time, num_frames, clock)
    return {
        "name": name,
        "labels": labels,
        "saliency": [[round(value, 3) for value in curve] for curve in saliency.tolist()],
        "events": [[asdict(event) for event in events.of(label)] for label in labels],
    }


def _agreement(data: ReportData, name: str) -> list[float] | None:
    return None if data.agreements is None else [round(value, 2) for value in data.agreements[name].tolist()]


def _heads(data: ReportData) -> dict[str, Any]:
    scores = data.head_scores.float().numpy()
    scale, norm = colour_scale(scores, data.head_score)
    finite = np.isfinite(scores)
    colours = scale(norm(np.ma.masked_invalid(scores)))
    colours[~finite] = NO_SCORE, NO_SCORE, NO_SCORE, 1
    return {
        "score": score_name(data.head_score),
        "layers": data.layers,
        "have_mean": "imap" in data.maps and not is_head(data.settings),
        "scores": [[float(f"{score:.4g}") if np.isfinite(score) else None for score in layer] for layer in scores],
        "colours": [[to_hex(colour) for colour in layer] for layer in colours],
        "chosen": data.selected_heads.tolist(),
        "scale": {"low": f"{norm.vmin:.3g}", "high": f"{norm.vmax:.3g}", "colours": colour_table(scale)},
    }


def colour_table(colours: Colormap) -> str:
    """256 colours as one hexadecimal string."""
    return (colours(np.arange(256))[:, :3] * 255).round().astype(np.uint8).tobytes().hex()


def _facts(data: ReportData) -> list[tuple[str, str]]:
    settings = {name: value for name, value in data.settings.items() if name not in ("video", "part")}
    runs = settings.pop("runs", None) or []
    rows = _read(data) | _rows(settings) | _runs(runs) | _rows(data.run) | _rows({"steps": data.steps})
    if part := part_name(data.settings):
        rows["part"] = part
    if data.agreements is None:
        rows["agreement"] = UNKNOWN_OF_PART if part else UNKNOWN
    # Without the folders of this machine, because people pass the page on.
    for name, named in {"model": model_name, "video": lambda path: PureWindowsPath(path).name}.items():
        if name in rows:
            rows[name] = named(rows[name])
    return sorted(rows.items(), key=lambda row: FIRST.index(row[0]) if row[0] in FIRST else len(FIRST))


def _read(data: ReportData) -> dict[str, str]:
    """What was read of the video, and how. Its size is above the player."""
    rows = {name: file_time(data.read[name]) for name in ("start", "end") if data.read.get(name) is not None}
    if "shots" in data.read:
        rows["shots"] = _shots(data.shots)
    if (passed := data.read.get("passed_fps")) is not None:
        rows["frames a second that passed"] = f"{passed:g} of {data.read.get('fps') or 0:g}"
    if (vae := data.read.get("vae")) is not None:
        rows["vae"] = " ".join(filter(None, map(str, vae.values())))
    return rows


def _shots(begins: Sequence[float]) -> str:
    """How many shots there are, and when the first ones begin."""
    if len(begins) == 1:
        return "1"
    times = ", ".join(map(file_time, begins[:SHOTS_IN_FACTS]))
    return f"{len(begins)}, which begin at {times}{', …' if len(begins) > SHOTS_IN_FACTS else ''}"


def _runs(runs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The seeds of runs that share a prompt, which is the title. Otherwise the prompt and the seed of each."""
    if len({repr(run.get("prompt")) for run in runs}) == 1:
        seeds = [run.get("seed") for run in runs]
        return _rows({"seed": seeds[0]} if len(seeds) == 1 else {"seeds": seeds})
    # Under another name, because a table of one run shows its prompt elsewhere.
    rows = [_rows({"of": run.get("prompt"), "with seed": run.get("seed")}) for run in runs]
    return {f"run {i}": " ".join(f"{name} {value}" for name, value in row.items()) for i, row in enumerate(rows, 1)}


def _rows(record: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Nested settings as names and readable values, without None and without what is shown elsewhere."""
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
