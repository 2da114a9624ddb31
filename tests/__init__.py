"""Tests of the two packages, and of the benchmarks.

Where there is no GPU, Triton's kernels are interpreted on the CPU. Triton decides that when it is imported, which
diffusers does, so it is asked for here, before any test module is loaded.

Workers of pytest-xdist share the cores: each has one thread, and so has each process that it starts.
"""

import os

import torch

if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")
