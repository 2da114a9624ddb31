"""Where Triton's kernels run: on a GPU where there is one, else on the CPU, interpreted."""

import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
