"""The place where the code of a page runs: small models for all checkpoints, on a CPU, without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.hub import CHECKPOINTS, SMALL
from tests.docs.markdown import read_page
from tests.docs.running import failures
from tests.docs.stage import stage

TEXT = """
```python
import torch
from diffusers import {kind}

pipe = {kind}.from_pretrained("{name}", torch_dtype=torch.bfloat16).to("cuda")
pipe.enable_model_cpu_offload()
pipe.vae.enable_tiling()
assert pipe.device.type == "cpu"

import imap_fast

size = {{"height": 480, "width": 720, "num_frames": 17}}
maps = imap_fast.explain(pipe, "cat.mp4", "A cat jumps", ["Cat", "jumps"], match="prompt", **size)
assert maps.grid[1:] == (4, 4)
```
"""
EACH = {small: name for name, small in reversed(CHECKPOINTS.items())}


def test_there_is_a_checkpoint_of_each_small_model() -> None:
    assert EACH.keys() == SMALL.keys()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("small", "kind"),
    [
        ("2b", "CogVideoXPipeline"),
        ("5b", "DiffusionPipeline"),
        ("5b-image", "CogVideoXImageToVideoPipeline"),
        ("1.5", "CogVideoXPipeline"),
        ("hunyuan", "HunyuanVideoPipeline"),
        ("wan", "WanPipeline"),
        ("wan-2.2", "DiffusionPipeline"),
    ],
)
def test_a_checkpoint_is_loaded_and_read(small: str, kind: str, files: Path, hub: Path, tmp_path: Path) -> None:
    text = TEXT.format(kind=kind, name=EACH[small])
    with stage(tmp_path, files, hub, text):
        assert list(failures(read_page(text), "page.md")) == []


@pytest.mark.slow
def test_the_shell_takes_a_checkpoint_too(files: Path, hub: Path, tmp_path: Path) -> None:
    text = """
```bash
imap-fast explain a.mp4 --model THUDM/CogVideoX-2b --prompt "A cat on a table, jumping" --concepts-file words.txt \\
  --match prompt --memory group-offload --quantize int8 --device cuda --num-frames 17
```
"""
    with stage(tmp_path, files, hub, text):
        assert list(failures(read_page(text), "page.md")) == []
    assert (tmp_path / "imap-explain" / "maps.npz").exists()


@pytest.mark.slow
def test_a_part_of_a_checkpoint_is_loaded_and_a_clip_generated(files: Path, hub: Path, tmp_path: Path) -> None:
    text = """
```python
import torch
from diffusers import AutoencoderKLWan, WanPipeline

model = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
vae = AutoencoderKLWan.from_pretrained(model, subfolder="vae", torch_dtype=torch.float32)
pipe = WanPipeline.from_pretrained(model, vae=vae, torch_dtype=torch.float32)
assert pipe.vae is vae
assert pipe("A cat", num_inference_steps=1, height=480, width=832).frames[0].shape == (49, 64, 64, 3)

import imap_fast

with imap_fast.trace(pipe, ["A", "cat"], match="prompt", top_k=2) as tracer:
    pipe("A cat")
assert tracer.maps.steps == (0, 1, 2)

from imap_fast.evaluate import demo_world

assert len(demo_world(200).clips) == 2
```

```python
import urllib.request

urllib.request.urlopen("http://127.0.0.1:9")
```
"""
    with stage(tmp_path, files, hub, text):
        (*others, network) = failures(read_page(text), "page.md")
    assert others == []
    assert "the tests have no network; mark the block" in network
