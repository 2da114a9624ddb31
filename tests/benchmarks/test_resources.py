"""Every kernel compiles without spills, for GPUs that this machine may not have."""

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
    """A row for each kernel of 2B on every architecture, and of 5B on the one that is measured.

    Compilation takes half a second for each kernel. The kernels of 5B differ only in the alignment of some arguments.
    """
    # In new processes, because Triton compiles nothing in a process in which it interprets.
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    rows = []
    for model, architectures in (("2b", SHARED_BYTES), ("5b", [90])):
        command = [sys.executable, "-m", "benchmarks.resources", "--json", "--models", model, "--arch"]
        done = subprocess.run([*command, *map(str, architectures)], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        rows += json.loads(done.stdout)
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("arch", SHARED_BYTES)
def test_no_kernel_spills(arch, compiled):
    rows = [row for row in compiled if row["arch"] == arch]
    assert {row["kernel"] for row in rows} == KERNELS
    assert {row["model"] for row in rows} == ({"2b", "5b"} if arch == 90 else {"2b"})
    for row in rows:
        assert row["spills"] == 0, row
        assert 16 <= row["registers"] <= 255, row
        assert row["shared_bytes"] <= SHARED_BYTES[arch], row
        assert 0 < row["occupancy"] <= 1, row
