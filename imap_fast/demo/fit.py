"""A training loop that can be stopped at any moment and goes on from its last checkpoint as if it never had been."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from imap_fast.files import atomic_write

LOG_EVERY = 25
Log = list[dict[str, float]]


def fit(
    modules: dict[str, nn.Module],
    loss_at: Callable[[int], torch.Tensor],
    *,
    steps: int,
    rates: dict[str, float],
    checkpoint: Path,
    save_every: int = 200,
    measure: Callable[[], dict[str, float]] = dict,
    on_save: Callable[[Log], None] | None = None,
) -> Log:
    """Trains with AdamW under a warmed-up cosine rate, gradients clipped to norm 1.

    `loss_at` must draw all its randomness from the step it is given: then a resumed run takes the very steps that an
    uninterrupted one takes.

    Args:
        modules: what is trained, by name; left at the state of the last step.
        loss_at: the scalar loss of a step, counted from 0.
        steps: where training ends.
        rates: the highest learning rate of each module.
        checkpoint: a safetensors file; read if it exists, written every `save_every` steps and at the end.
        save_every: steps from one checkpoint to the next.
        measure: called before each checkpoint; what it returns goes into the log.
        on_save: called with the log after each checkpoint.

    Returns:
        The log: one `{"step": …, "loss": …}`, the mean loss since the last row, every 25 steps, and what was measured.

    Raises:
        FloatingPointError: if the loss stops being finite.
    """
    groups = [{"params": list(modules[name].parameters()), "lr": rate} for name, rate in rates.items()]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01)
    parameters = [parameter for group in groups for parameter in group["params"]]
    start, log = _load(checkpoint, modules, optimizer) if checkpoint.exists() else (0, [])
    recent: list[float] = []
    began = time.monotonic()
    for step in range(start, steps):
        for group, rate in zip(optimizer.param_groups, rates.values(), strict=True):
            group["lr"] = rate * min((step + 1) / 100, 0.5 + 0.5 * math.cos(math.pi * step / steps))
        loss = loss_at(step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        recent.append(loss.item())
        if not math.isfinite(recent[-1]):
            raise FloatingPointError(f"the loss is {recent[-1]} at step {step}: train with lower rates than {rates}.")
        done = step + 1
        if done % LOG_EVERY == 0:
            log.append({"step": done, "loss": round(sum(recent) / len(recent), 5)})
            pace = (time.monotonic() - began) / (done - start)
            print(f"step {done} of {steps}, loss {log[-1]['loss']:.4f}, {pace:.2f} s a step", flush=True)
            recent.clear()
        if done % save_every == 0 or done == steps:
            if measured := measure():
                log.append({"step": done, **measured})
                print(measured, flush=True)
            _save(checkpoint, modules, optimizer, done, log)
            if on_save:
                on_save(log)
    return log


def _save(path: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer, step: int, log: Log) -> None:
    """Writes weights, optimizer state, step and log to one safetensors file, whole or not at all."""
    tensors = {f"{name}.{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    # Cloned, because the text encoder knows its embedding by two names and safetensors takes no shared memory.
    tensors = {name: value.clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    with atomic_write(path) as unfinished:
        save_file(tensors, unfinished, {"step": str(step), "log": json.dumps(log)})


def _load(path: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer) -> tuple[int, Log]:
    """Restores what `_save` wrote; returns the step and the log."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        metadata = file.metadata()
    for name, module in modules.items():
        module.load_state_dict(_under(f"{name}.", tensors))
    indices = sorted({int(name.split(".")[1]) for name in tensors if name.startswith("optimizer.")})
    optimizer.load_state_dict(
        {
            "state": {index: _under(f"optimizer.{index}.", tensors) for index in indices},
            "param_groups": optimizer.state_dict()["param_groups"],
        }
    )
    return int(metadata["step"]), json.loads(metadata["log"])


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose name has the prefix, named without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
