"""The GPUs that predictions are for, and the time of a layer's attention call there."""

import json
from functools import cache

from benchmarks.record import RESULTS
from benchmarks.shapes import LAYERS, Layer

# Bytes a second that a copy may reach. Both GPUs have the same multiprocessors.
BANDWIDTH = {"H100": 3.0e12, "H200": 4.3e12}
ARCH, MULTIPROCESSORS = 90, 132
MEASURED = LAYERS["2b-49x480x720"]


def attention_seconds(layer: Layer) -> float:
    """The attention call of a layer on an H100: measured for 2B, and by the FLOPs of other layers at the same rate."""
    return measured_attention() * attention_flops(layer) / attention_flops(MEASURED)


def attention_flops(layer: Layer) -> int:
    """FLOPs of the attention of the visual tokens to each other: two products of matrices."""
    return 4 * layer.heads * layer.tokens**2 * layer.dim


@cache
def measured_attention() -> float:
    """Seconds of the attention call of a layer of 2B on an H100, from the results."""
    rows = json.loads((RESULTS / "kernels-nvidia-h100-80gb-hbm3.json").read_text())["rows"]
    of_layer = [row for row in rows if row["shape"].startswith(MEASURED.name)]
    return next(row["value"] for row in of_layer if row["name"] == "attention_time") / 1e6
