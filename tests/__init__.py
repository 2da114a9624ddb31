"""Tests of the two packages, and of the benchmarks.

Where there is no GPU, Triton's kernels are interpreted on the CPU. Triton decides that when it is imported, which
diffusers does, so it is asked for here, before any test module is loaded.
"""

import os

import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
