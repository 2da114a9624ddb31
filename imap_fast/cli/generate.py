"""`imap-fast generate`: a new video, and the maps of how it came about."""

import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from imap_fast.cli import options
from imap_fast.cli.progress import progress
from imap_fast.cli.results import FILES, results_folder, tell, write_results
from imap_fast.trace import trace
from imap_fast.video import Clip

GENERATED = {"video.mp4": "the video", **FILES}


def generate(
    model: options.Model,
    prompt: options.Prompt,
    concepts: options.Concepts = None,
    match: options.Match = "concepts",
    layers: options.Layers = None,
    steps: options.Steps = None,
    head_score: options.HeadScore = "chi",
    top_k: options.TopK = None,
    normalize: options.Normalize = "none",
    maps: options.Maps = "imap,gramcol",
    pooling: options.Pooling = "first",
    no_background: options.NoBackground = False,
    height: options.Height = None,
    width: options.Width = None,
    num_frames: options.NumFrames = None,
    num_inference_steps: options.NumInferenceSteps = None,
    guidance_scale: options.GuidanceScale = None,
    seed: options.Seed = 0,
    output: options.Output = Path("imap-generate"),
    overwrite: options.Overwrite = False,
    dtype: options.Dtype = "auto",
    device: options.Device = "auto",
    backend: options.Backend = "auto",
    attention_backend: options.AttentionBackend = None,
    as_json: options.Json = False,
) -> None:
    """Generate a video, and show where and when each concept is in it.

    Writes video.mp4, maps.npz, overlay.mp4, grid.png and run.json: all of them, or none.
    """
    # With diffusers, which takes seconds; --help does without.
    from imap_fast.cli.pipeline import load_pipeline, text_to_video_arguments

    words = options.concept_words(concepts, match)
    asked = options.trace_arguments(
        model,
        match=match,
        layers=layers,
        steps=steps,
        head_score=head_score,
        top_k=top_k,
        normalize=normalize,
        maps=maps,
        pooling=pooling,
        no_background=no_background,
        backend=backend,
        attention_backend=attention_backend,
    )
    sampling = {
        "height": height,
        "width": width,
        "num_frames": num_frames,
        "num_inference_steps": num_inference_steps,
        "guidance_scale": guidance_scale,
    }
    console = Console(stderr=True)
    with results_folder(output, list(GENERATED), overwrite=overwrite) as folder:
        pipe = load_pipeline(model, dtype=dtype, device=device, console=console)
        call = text_to_video_arguments(pipe) | {name: value for name, value in sampling.items() if value is not None}
        began = time.perf_counter()
        with progress(console, "generating", num_inference_steps) as advance, trace(pipe, words, **asked) as tracer:

            def step_ended(pipe: Any, step: int, timestep: Any, tensors: dict) -> dict:
                advance()
                return tensors

            generator = torch.Generator().manual_seed(seed)
            call |= {"generator": generator, "output_type": "np", "callback_on_step_end": step_ended}
            (video,) = pipe(prompt=prompt, **call).frames
        seconds = time.perf_counter() - began
        clip = Clip.of(video, fps=tracer.adapter.frame_rate)
        with progress(console, "drawing"):
            clip.save(folder / "video.mp4")
            sampling |= {"num_inference_steps": pipe.num_timesteps, "guidance_scale": pipe.guidance_scale}
            record = {
                "command": "generate",
                "model": model,
                "dtype": str(pipe.transformer.dtype).removeprefix("torch."),
                **sampling,
                "seed": seed,
                "seconds": round(seconds, 2),
            }
            record = write_results(folder, tracer.maps, clip, record)
    headline = f"{len(clip.frames)} frames and {tracer.maps} in {seconds:.1f} s"
    tell(record, headline, output, GENERATED, as_json=as_json)
