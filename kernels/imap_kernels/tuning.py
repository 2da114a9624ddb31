"""How a Triton kernel is shaped for its inputs: a short list of configurations, timed at first use per shape class."""

from collections.abc import Callable, Sequence

import torch
import triton

from imap_kernels.backend import interpreting


def tuned(
    configs: Sequence[triton.Config], *, key: Sequence[str], restore: Sequence[str] = ()
) -> Callable[[triton.JITFunction], triton.runtime.Autotuner]:
    """`triton.autotune` over a short list: timed at the first launch with each combination of the `key` arguments.

    Args:
        configs: the candidates; the interpreter, which has no time to compare, takes the first.
        key: arguments of the kernel that make a shape class.
        restore: arguments that the kernel adds to, put back after every timed launch.
    """
    candidates = list(configs)[:1] if interpreting() else list(configs)
    return triton.autotune(candidates, key=list(key), restore_value=list(restore), do_bench=_bench)


def _bench(launch: Callable[[], None], quantiles: Sequence[float]) -> list[float]:
    return triton.testing.do_bench(launch, warmup=5, rep=20, quantiles=quantiles)


def block(size: int, *, at_most: int | None = None) -> int:
    """The power of two, 16 or more as matrix units need, that covers `size`; not beyond `at_most`."""
    cover = max(16, triton.next_power_of_2(size))
    return cover if at_most is None else min(cover, at_most)


def computable(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The tensors as the kernels take them: as they are, but fp32 for bf16 where Triton interprets.

    Triton's interpreter multiplies bf16 wrongly (https://github.com/triton-lang/triton/issues/11584).
    """
    if not interpreting():
        return tensors
    return tuple(tensor.float() if tensor.dtype == torch.bfloat16 else tensor for tensor in tensors)
