"""Every kernel compiles without spilling for GPUs that need not be there."""

import json
import os
import subprocess
import sys

import pytest

KERNELS = {
    "add_maps",
    "add_similarity",
    "add_softmax",
    "merge_parts",
    "moments_over_keys",
    "norm_rope",
    "part_attention",
    "part_distance",
    "part_moments",
    "peaks",
    "variance_ratio",
}
SHARED_BYTES = {80: 163 * 1024, 89: 99 * 1024, 90: 227 * 1024, 100: 227 * 1024}


@pytest.fixture(scope="module")
def compiled():
    """A row for each kernel, model and architecture."""
    # In a process of its own: where Triton interprets, it compiles nothing.
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-m", "benchmarks.resources", "--arch", *map(str, SHARED_BYTES), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("arch", SHARED_BYTES)
def test_no_kernel_spills(arch, compiled):
    rows = [row for row in compiled if row["arch"] == arch]
    assert {row["kernel"] for row in rows} == KERNELS
    assert {row["model"] for row in rows} == {"2b", "5b"}
    for row in rows:
        assert row["spills"] == 0, row
        assert 16 <= row["registers"] <= 255, row
        assert row["shared_bytes"] <= SHARED_BYTES[arch], row
        assert 0 < row["occupancy"] <= 1, row
