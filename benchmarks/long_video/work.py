"""The work whose cost is measured: the maps of a film, and its overlay. It runs with any checkout on `PYTHONPATH`.

`python -P benchmarks/long_video/work.py VIDEO FOLDER --model MODEL --settings JSON` prints seconds and peaks of memory
as JSON. `--stages` also tells where the time goes, which only this checkout can.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from diffusers import DiffusionPipeline

import imap_fast


def main() -> None:
    """Do the work, and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("folder", type=Path, help="of the maps and the overlay; it must be new")
    parser.add_argument("--model", required=True, help="folder of a pipeline")
    parser.add_argument("--settings", type=json.loads, required=True, help="arguments of explain, as JSON")
    parser.add_argument("--stages", action="store_true")
    arguments = parser.parse_args()
    pipe = DiffusionPipeline.from_pretrained(arguments.model)
    if torch.cuda.is_available():
        pipe.to("cuda", torch.bfloat16)
    maps_stages = overlay_stages = None
    if arguments.stages:
        from benchmarks.long_video import stages

        maps_stages, overlay_stages = stages.Stages(), stages.Stages()
    began = time.perf_counter()
    with maps_stages.watching(stages.MAPS) if maps_stages else nullcontext():
        maps = imap_fast.explain(pipe, arguments.video, folder=arguments.folder / "maps", **arguments.settings)
    middle, peak_of_maps = time.perf_counter(), peak()
    with overlay_stages.watching(stages.OVERLAY) if overlay_stages else nullcontext():
        maps.save_overlay(arguments.folder / "overlay.mp4", arguments.video)
    found = {
        "package": imap_fast.__file__,
        "maps": middle - began,
        "overlay": time.perf_counter() - middle,
        "peak_of_maps": peak_of_maps,
        "peak": peak(),
        "windows": maps.settings["video"]["windows"],
    }
    if maps_stages and overlay_stages:
        found |= {"maps_stages": maps_stages.seconds, "overlay_stages": overlay_stages.seconds}
        found |= {"model_waited": maps_stages.model_waited, "frames_waited": maps_stages.frames_waited}
    print(json.dumps(found))


def peak() -> int:
    """Peak bytes of this process in memory. Not by `getrusage`, whose peak begins with that of the parent process."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(found[1])


if __name__ == "__main__":
    main()
