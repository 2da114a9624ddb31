"""A training loop that resumes from its last checkpoint and reaches the same weights as an uninterrupted run."""

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
    """Train modules in place, with AdamW, a cosine learning rate with warm-up, and gradients clipped to norm 1.

    The randomness of `loss_at` must depend on the step alone. Then a resumed run makes the same steps as an
    uninterrupted one.

    Args:
        modules: the modules to train, by name.
        loss_at: returns the scalar loss of a step, counted from 0.
        steps: number of steps, including those of the checkpoint.
        rates: the highest learning rate of each module, by name.
        checkpoint: a safetensors file. It is read if it exists, and written every `save_every` steps and at the end.
        save_every: steps between two checkpoints.
        measure: returns further columns of the log; called before each checkpoint.
        on_save: called with the log after each checkpoint.

    Returns:
        The log: every 25 steps a row `{"step": …, "loss": …}` with the mean loss since the last one, and a row for each
        measurement.

    Raises:
        FloatingPointError: the loss is not finite.
    """
    weights = {name: list(modules[name].parameters()) for name in rates}
    groups = [{"params": weights[name], "lr": rate} for name, rate in rates.items()]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01)
    parameters = [parameter for of_module in weights.values() for parameter in of_module]
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
            raise FloatingPointError(f"the loss is {recent[-1]} at step {step}; use lower learning rates than {rates}")
        done = step + 1
        if done % LOG_EVERY == 0:
            log.append({"step": done, "loss": round(sum(recent) / len(recent), 5)})
            pace = (time.monotonic() - began) / (done - start)
            print(f"step {done} of {steps}, loss {log[-1]['loss']:.4f}, {pace:.2f} s per step", flush=True)
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
    """Write weights, optimizer state, step and log to one safetensors file; the write is atomic."""
    tensors = {f"{name}.{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    # safetensors refuses tensors that share memory, and the text encoder has its embedding under two names.
    tensors = {name: value.clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    with atomic_write(path) as unfinished:
        save_file(tensors, unfinished, {"step": str(step), "log": json.dumps(log)})


def _load(path: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer) -> tuple[int, Log]:
    """Load a checkpoint into modules and optimizer, and return its step and its log."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        metadata = file.metadata()
    for name, module in modules.items():
        module.load_state_dict(_with_prefix(f"{name}.", tensors))
    indices = sorted({int(name.split(".")[1]) for name in tensors if name.startswith("optimizer.")})
    optimizer.load_state_dict(
        {
            "state": {index: _with_prefix(f"optimizer.{index}.", tensors) for index in indices},
            "param_groups": optimizer.state_dict()["param_groups"],
        }
    )
    return int(metadata["step"]), json.loads(metadata["log"])


def _with_prefix(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with the prefix, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
