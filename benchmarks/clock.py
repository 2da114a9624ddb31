"""The clock of measurements: it waits for the device."""

import time

import torch


def synchronized_clock() -> float:
    """The time in seconds after all work of the device is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
