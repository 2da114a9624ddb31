"""Masks and tracks by their seed, and what the published evaluations measure of them, in `public_numbers.json`.

`python tests/metrics/public_numbers.py DAVIS MEVIS VSPW TAPNET` writes the file. It is given checkouts of
davisvideochallenge/davis2017-evaluation, henghuiding/MeViS, VSPW-dataset/VSPW_baseline and google-deepmind/tapnet, and
needs OpenCV and scikit-image, which the tests of masks do not.
"""

from __future__ import annotations

import ast
import json
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np

NUMBERS = Path(__file__).with_suffix(".json")

FRAMES = 4
SHAPES = [(1, 1), (1, 2), (1, 97), (97, 1), (2, 3), (13, 7), (31, 53), (101, 67), (240, 427), (480, 854)]

CLIPS = [(9, 8), (12, 8), (17, 16), (30, 8), (30, 16)]
"""The number of frames of a clip, and of a run."""

TRACKS = [(1, 2, (256, 256)), (3, 8, (480, 854)), (5, 25, (96, 96)), (20, 40, (720, 480)), (60, 11, (360, 640))]
"""The number of points, that of frames, and the size of the video."""

SIDE = 256
"""Of the pictures in whose pixels the published code measures distances."""


def draw_masks(seed: int, shape: tuple[int, int], *, void: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """A predicted mask, a true one and void, bool `[FRAMES, H, W]` each. Some are empty, full or noise."""
    rng = np.random.default_rng(seed)
    predicted, truth, unknown = (np.stack([_draw_mask(rng, shape) for _ in range(FRAMES)]) for _ in range(3))
    near = rng.random() < 0.5
    predicted = truth ^ (predicted & (rng.random(truth.shape) < 0.1)) if near else predicted
    unknown &= rng.random(truth.shape) < 0.5
    return predicted, truth, unknown if void else None


def _draw_mask(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    style = rng.integers(8)
    if style < 2:
        return np.full(shape, bool(style))
    if style == 2:
        return rng.random(shape) < 0.5
    rows, columns = np.indices(shape)
    mask = np.zeros(shape, bool)
    for _ in range(style):
        row, column, radius = (int(rng.integers(size)) for size in (*shape, 1 + max(shape) // 4))
        mask |= (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return mask


def draw_classes(seed: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true classes, int64 `[T, 11, 13]`. A fifth of the pixels stays of a wrong class."""
    rng = np.random.default_rng(seed)
    stays = rng.random((frames, 11, 13)) < 0.97
    stays[0] = False
    begins = np.where(stays, 0, np.arange(frames)[:, None, None])
    classes = rng.integers(5, size=stays.shape)
    truth = np.take_along_axis(classes, np.maximum.accumulate(begins), 0)
    predicted = np.where(rng.random(truth.shape) < 0.96, truth, rng.integers(5, size=truth.shape))
    return np.where(rng.random(truth.shape[1:]) < 0.2, 5, predicted), truth


def draw_tracks(
    seed: int, points: int, frames: int, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Tracks `[N, T, 2]` and whether they are visible `[N, T]`, then the true ones. A few are right to a pixel."""
    rng = np.random.default_rng(seed)
    height, width = size
    truth = rng.uniform(0, (width, height), (points, frames, 2))
    visible = rng.random((points, frames)) < rng.uniform(0.2, 0.9, (points, 1))
    visible[:, -1] |= ~visible[:, :-1].any(1)
    visible[0] = True  # so that no measure is one of nothing
    error = rng.normal(size=truth.shape) * 2 ** rng.uniform(-2, 5, (points, frames, 1))
    return truth + error, visible ^ (rng.random(visible.shape) < 0.2), truth, visible


def published_queries(namespace: dict[str, Any], points: np.ndarray, visible: np.ndarray, mode: str) -> np.ndarray:
    """The queries of the published code, (point, frame) each, `[Q, 2]`. Points are told apart by their x."""
    named = np.zeros_like(points)
    named[..., 0] = np.arange(len(points))[:, None]
    found = namespace[f"sample_queries_{mode}"](~visible, named, np.zeros((0, 1, 1, 3)))["query_points"][0]
    return found[:, [2, 0]].astype(int)


def _function(path: Path, name: str) -> Any:
    """A function of a script that reads its data when it is imported."""
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    names: dict[str, Any] = {"np": np}
    exec(compile(tree, str(path), "exec"), names)
    return names[name]


def main(davis: Path, mevis: Path, vspw: Path, tapnet: Path) -> None:
    """Measure, and write the numbers."""
    metrics = [runpy.run_path(str(path)) for path in (davis / "davis2017/metrics.py", mevis / "tools/metrics.py")]
    masks = []
    for seed, (shape, void) in enumerate((shape, void) for shape in SHAPES for void in (False, True) for _ in range(4)):
        predicted, truth, unknown = draw_masks(seed, shape, void=void)
        both = [
            {
                "j": each["db_eval_iou"](truth, predicted, unknown).tolist(),
                "f": each["db_eval_boundary"](truth, predicted, unknown).tolist(),
            }
            for each in metrics
        ]
        assert both[0] == both[1], "DAVIS and MeViS differ"
        masks.append({"seed": seed, "shape": shape, "void": void, **both[0]})
    get_common = _function(vspw / "VC_perclip.py", "get_common")
    clips = []
    for seed, (frames, length) in enumerate(CLIPS):
        predicted, truth = draw_classes(seed, frames)
        shares = get_common(list(truth), list(predicted), length, *truth.shape[1:])
        clips.append({"seed": seed, "frames": frames, "length": length, "vc": float(np.mean(shares))})
    evaluation = tapnet / "tapnet/tapvid/evaluation_datasets.py"
    names = ("compute_tapvid_metrics", "sample_queries_first", "sample_queries_strided")
    published = {name: _function(evaluation, name) for name in names}
    tracks = []
    for seed, (points, frames, size) in enumerate(TRACKS):
        found, found_visible, truth, visible = draw_tracks(seed, points, frames, size)
        for mode in ("first", "strided"):
            queries = published_queries(published, truth, visible, mode)
            of = queries[:, 0]
            scale = SIDE / np.array(size[::-1])
            measured = published["compute_tapvid_metrics"](
                queries[None, :, 1:], ~visible[of][None], truth[of][None] * scale,
                ~found_visible[of][None], found[of][None] * scale, mode,
            )  # fmt: skip
            tracks.append(
                {"seed": seed, "points": points, "frames": frames, "size": size, "mode": mode}
                | {"queries": queries.tolist()}
                | {name: float(value[0]) for name, value in measured.items()}
            )
    lines = [
        f'  "{name}": [\n    ' + ",\n    ".join(map(json.dumps, rows)) + "\n  ]"
        for name, rows in {"masks": masks, "clips": clips, "tracks": tracks}.items()
    ]
    NUMBERS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
