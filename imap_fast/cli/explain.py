"""`imap-fast explain`: the maps of a real video."""

import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from imap_fast.cli import options
from imap_fast.cli.progress import progress
from imap_fast.cli.results import FILES, results_folder, tell, write_results
from imap_fast.explain import explain as explain_video
from imap_fast.video import Clip, read_clip, resize_and_crop


def explain(
    video: Annotated[Path, typer.Argument(help="A video file.", show_default=False)],
    model: options.Model,
    prompt: options.Prompt,
    concepts: options.Concepts = None,
    match: options.Match = "concepts",
    layers: options.Layers = None,
    steps: options.Steps = None,
    head_score: options.HeadScore = "chi",
    top_k: options.TopK = 5,
    normalize: options.Normalize = "none",
    maps: options.Maps = "imap,gramcol",
    pooling: options.Pooling = "first",
    no_background: options.NoBackground = False,
    height: options.Height = None,
    width: options.Width = None,
    num_frames: options.NumFrames = None,
    num_inference_steps: options.NumInferenceSteps = None,
    seed: options.Seed = 0,
    output: options.Output = Path("imap-explain"),
    overwrite: options.Overwrite = False,
    dtype: options.Dtype = "auto",
    device: options.Device = "auto",
    backend: options.Backend = "auto",
    as_json: options.Json = False,
) -> None:
    """Show where and when each concept is in a real video.

    Writes maps.npz, overlay.mp4, grid.png and run.json: all of them, or none.
    """
    from imap_fast.cli.pipeline import load_pipeline  # with diffusers, which takes seconds; --help does without

    words = options.concept_words(concepts, match)
    asked = options.trace_arguments(
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
    )
    read_clip(video, num_frames=1)  # a file that is no video is better known before the model is loaded
    console = Console(stderr=True)
    with results_folder(output, list(FILES), overwrite=overwrite) as folder:
        pipe = load_pipeline(model, dtype=dtype, device=device, console=console)
        began = time.perf_counter()
        with progress(console, "explaining"):
            found = explain_video(
                pipe,
                video,
                prompt,
                words,
                height=height,
                width=width,
                num_frames=num_frames,
                num_inference_steps=num_inference_steps,
                generator=torch.Generator().manual_seed(seed),
                **asked,
            )
        seconds = time.perf_counter() - began
        with progress(console, "drawing"):
            read = found.settings["video"]
            clip = read_clip(video, num_frames=read["num_frames"])
            clip = Clip(resize_and_crop(clip.frames, read["height"], read["width"]), clip.fps)
            record = {
                "command": "explain",
                "video": str(video),
                "model": model,
                "dtype": str(pipe.transformer.dtype).removeprefix("torch."),
                "seed": seed,
                "seconds": round(seconds, 2),
            }
            record = write_results(folder, found, clip, record)
    tell(record, f"{found} in {seconds:.1f} s", output, FILES, as_json=as_json)
