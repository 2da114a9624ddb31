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

from imap_fast.demo.accelerator import is_gpu
from imap_fast.demo.schedule import Schedule
from imap_fast.files import atomic_write

LOG_EVERY = 25
Log = list[dict[str, float]]


def fit(
    modules: dict[str, nn.Module],
    loss_at: Callable[[int], torch.Tensor],
    *,
    schedule: Schedule,
    rates: dict[str, float],
    checkpoint: Path,
    measure: Callable[[], dict[str, float]] = dict,
    on_save: Callable[[Log], None] | None = None,
) -> Log:
    """Train modules in place, with AdamW, a learning rate that rises over 100 steps, and gradients clipped to norm 1.

    If the randomness of `loss_at` and the schedule depend on the step alone, a resumed run makes the same steps as an
    uninterrupted one. The loop never waits for a GPU between two rows of the log.

    Args:
        modules: the modules to train, by name.
        loss_at: returns the scalar loss of a step, counted from 0.
        schedule: when to end and to save, and how the learning rates fall.
        rates: the highest learning rate of each module, by name.
        checkpoint: a safetensors file. It is read if it exists, and written when the schedule says so and at the end.
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
    parameters = [parameter for of_module in weights.values() for parameter in of_module]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01, fused=is_gpu(parameters[0].device))
    done, log = _load(checkpoint, modules, optimizer) if checkpoint.exists() else (0, [])
    recent: list[torch.Tensor] = []
    began, start = time.monotonic(), done
    over = schedule.is_over(done)
    while not over:
        # The rise is counted in steps, because the optimizer needs some to know the size of the gradients.
        relative = min((done + 1) / 100, schedule.decay(done))
        for group, rate in zip(optimizer.param_groups, rates.values(), strict=True):
            group["lr"] = rate * relative
        loss = loss_at(done)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        recent.append(loss.detach())
        done += 1
        over = schedule.is_over(done)
        saves = over or schedule.is_save_due(done)
        if saves or done % LOG_EVERY == 0:
            losses = _finite(recent, done, rates)
        if done % LOG_EVERY == 0:
            log.append({"step": done, "loss": round(sum(losses) / len(losses), 5)})
            pace = (time.monotonic() - began) / (done - start)
            print(f"{schedule.position(done)}, loss {log[-1]['loss']:.4f}, {pace:.2g} s per step", flush=True)
            recent.clear()
        if saves:
            if measured := measure():
                log.append({"step": done, **measured})
                print(measured, flush=True)
            _save(checkpoint, modules, optimizer, done, log)
            if on_save:
                on_save(log)
    return log


def _finite(recent: list[torch.Tensor], done: int, rates: dict[str, float]) -> list[float]:
    """The losses of the last steps, which the device has computed by now.

    Raises:
        FloatingPointError: one of them is not finite.
    """
    losses = torch.stack(recent).tolist()
    for step, loss in enumerate(losses, done - len(losses)):
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} at step {step}; use lower learning rates than {rates}")
    return losses


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
