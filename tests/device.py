"""The device of Triton kernels in tests: a GPU, or the CPU with the interpreter if there is none."""

import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
