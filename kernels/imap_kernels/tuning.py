"""Autotuning of Triton kernels: a few configurations, timed at the first use with each class of shapes."""

from collections.abc import Callable, Sequence

import torch
import triton

from imap_kernels.backend import interpreting


def tuned(
    configs: Sequence[triton.Config], *, key: Sequence[str], restore: Sequence[str] = ()
) -> Callable[[triton.JITFunction], triton.runtime.Autotuner]:
    """Decorate a kernel with `triton.autotune`, timed at the first launch with each combination of `key` arguments.

    Args:
        configs: the candidates. The interpreter uses the first one.
        key: names of the kernel arguments that define a class of shapes.
        restore: names of the tensors that the kernel adds to. They are restored after every timed launch.
    """
    candidates = list(configs)[:1] if interpreting() else list(configs)
    return triton.autotune(candidates, key=list(key), restore_value=list(restore), do_bench=_bench)


def _bench(launch: Callable[[], None], quantiles: Sequence[float]) -> list[float]:
    if torch.cuda.is_available() and torch.cuda.is_current_stream_capturing():
        # Nothing can be timed in the capture of a CUDA graph. Of equal times, the first configuration is taken.
        return [0.0] * len(quantiles)
    return triton.testing.do_bench(launch, warmup=5, rep=20, quantiles=quantiles)


def block(size: int, *, at_most: int | None = None) -> int:
    """Return the smallest power of two that covers `size`: at least 16, as matrix units need, and at most `at_most`."""
    cover = max(16, triton.next_power_of_2(size))
    return cover if at_most is None else min(cover, at_most)


def computable(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return the tensors in a dtype that the kernels support. Only in the interpreter, bf16 becomes fp32.

    Triton's interpreter computes wrong products of bf16 (https://github.com/triton-lang/triton/issues/11584).
    """
    if not interpreting():
        return tensors
    return tuple(tensor.float() if tensor.dtype == torch.bfloat16 else tensor for tensor in tensors)
