"""Where the code of a page runs: a folder with the files that pages name, a hub of small models, and no network."""

from __future__ import annotations

import functools
import inspect
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, ModelMixin

from imap_fast import evaluate
from imap_fast.demo import world
from imap_fast.evaluate import datasets
from imap_fast.loading import pipeline as loading
from imap_fast.models.real_video.base import VideoForward
from imap_fast.models.real_video.hunyuan_video import HunyuanVideoForward
from imap_fast.models.real_video.wan import WanForward
from imap_fast.models.registry import ARCHITECTURES
from imap_fast.video import Clip
from tests.docs.hub import CHECKPOINTS, FRAMES, SIDE, write

VIDEO = 49
"""Frames of a video in the folder, as CogVideoX makes them."""

SCENE = 33
"""Frames of each of the two scenes of the film. Each is two windows of a small model, and a video is three."""

LARGEST = {"height": SIDE, "width": SIDE, "num_frames": VIDEO}
"""The largest clip that is made or read. Larger sizes are cut to it."""

STEPS = 3
"""Denoising steps of a run whose call names no number of them."""

CLIPS = 2
"""The most clips of the demo world that are measured."""

OFFLOADING = ("to", "enable_model_cpu_offload", "enable_sequential_cpu_offload", "enable_group_offload")
"""Methods of a pipeline that move it. They do nothing, so that `cuda` can be named on any machine."""


@contextmanager
def stage(folder: Path, files: Path, hub: Path, text: str) -> Iterator[None]:
    """Go to a folder, where the code of a page runs until the end of the `with` block.

    Args:
        folder: gets a copy of `files`.
        files: what `write_files` wrote.
        hub: the cache of the hub. It gets the checkpoints that the page names.
        text: of the page.
    """
    shutil.copytree(files, folder, dirs_exist_ok=True)
    write(hub, [name for name in CHECKPOINTS if name in text])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        patch.setattr(socket, "getaddrinfo", _no_network)
        without_devices(patch)
        with_small_clips(patch)
        patch.setattr(plt, "show", lambda *_, **__: None)
        yield


def write_files(folder: Path) -> None:
    """Write the videos and the list of words that pages name."""
    (folder / "videos").mkdir()
    for seed, name in enumerate(("cat", "a", "b", "videos/c", "videos/d")):
        Clip(world.sample(seed, num_frames=VIDEO).frames).save(folder / f"{name}.mp4")
    film = np.concatenate([world.sample(seed, num_frames=SCENE).frames for seed in range(2)])
    Clip(film).save(folder / "film.mp4")
    (folder / "words.txt").write_text("cat\njumping\ntable\n")


def without_devices(patch: pytest.MonkeyPatch) -> None:
    """Leave every model on the CPU in its own dtype, on a machine with a GPU, too: a CPU is slow in float16."""
    for kind in (DiffusionPipeline, ModelMixin):
        patch.setattr(kind, "from_pretrained", classmethod(_without_float16(kind.from_pretrained.__func__)))
    for name in OFFLOADING:
        patch.setattr(DiffusionPipeline, name, lambda pipe, *_, **__: pipe)
    patch.setattr(loading, "_device", lambda name: torch.device("cpu"))
    patch.setattr(loading, "place", lambda *_: None)
    patch.setattr(loading, "quantize_weights", lambda *_: None)


def _without_float16(load: Callable[..., Any]) -> Callable[..., Any]:
    """A `from_pretrained` that leaves weights as they are where it is asked for float16."""

    @functools.wraps(load)
    def loaded(kind: type, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("torch_dtype") == torch.float16:
            del kwargs["torch_dtype"]
        return load(kind, *args, **kwargs)

    return loaded


def with_small_clips(patch: pytest.MonkeyPatch) -> None:
    """Cut what is generated, read and measured to what small models do in seconds."""
    for name in (each.name for kind in ARCHITECTURES.values() if kind.is_published for each in kind.pipelines):
        kind = getattr(diffusers, name)
        patch.setattr(kind, "__call__", _of_small_clips(kind.__call__, num_inference_steps=STEPS))
    for forward in (WanForward, HunyuanVideoForward):  # whose default is not in the configuration of the model
        patch.setattr(forward, "clip", property(lambda self: (FRAMES, SIDE, SIDE)))
    patch.setattr(VideoForward, "__init__", _of_small_clips(VideoForward.__init__))
    demo_world = datasets.demo_world
    for module in (datasets, evaluate):  # a lazy package keeps what was imported from it before
        patch.setattr(module, "demo_world", lambda clips=CLIPS: demo_world(min(clips, CLIPS)))


def _of_small_clips(function: Callable[..., Any], **defaults: Any) -> Callable[..., Any]:
    """The function with other defaults, and with sizes that are cut to `LARGEST`."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def small(*args: Any, **kwargs: Any) -> Any:
        call = signature.bind(*args, **kwargs)
        call.arguments |= {name: value for name, value in defaults.items() if name not in call.arguments}
        call.apply_defaults()
        for name, largest in LARGEST.items():
            if call.arguments.get(name) is not None:
                call.arguments[name] = min(call.arguments[name], largest)
        return function(*call.args, **call.kwargs)

    return small


def _no_network(*_: Any, **__: Any) -> Any:
    raise OSError("the tests have no network; mark the block")
