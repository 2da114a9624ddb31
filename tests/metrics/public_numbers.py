"""Masks by their seed, and what the published evaluations measure of them, in `public_numbers.json`.

`python tests/metrics/public_numbers.py DAVIS MEVIS VSPW` writes the file. It is given checkouts of
davisvideochallenge/davis2017-evaluation, henghuiding/MeViS and VSPW-dataset/VSPW_baseline, and needs OpenCV and
scikit-image, which the tests do not.
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


def _function(path: Path, name: str) -> Any:
    """A function of a script that reads its data when it is imported."""
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    names: dict[str, Any] = {"np": np}
    exec(compile(tree, str(path), "exec"), names)
    return names[name]


def main(davis: Path, mevis: Path, vspw: Path) -> None:
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
    lines = [
        f'  "{name}": [\n    ' + ",\n    ".join(map(json.dumps, rows)) + "\n  ]"
        for name, rows in {"masks": masks, "clips": clips}.items()
    ]
    NUMBERS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
