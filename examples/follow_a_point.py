"""Follow a point: where it is in each frame, as a table, and a clip with its trail.

Without a video, a rendered one is read by the small model that ships. The true place is known there, so the error is
printed. On many clips it is larger, and a tracker is better (docs/follow.md, "How good are they"). Writes followed/:
tracks.csv, overlay.mp4, and the rendered clip.mp4.

python examples/follow_a_point.py
python examples/follow_a_point.py cat.mp4 --model THUDM/CogVideoX-2b --prompt "A cat jumps" --point 1.5 320 240
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import CogVideoXPipeline

import imap_fast
from imap_fast.demo import world
from imap_fast.demo.shipped_model import MODEL
from imap_fast.video import Clip

SEED = 7  # of the rendered clip, in which a triangle slides up

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("video", nargs="?", help="default: a rendered one")
parser.add_argument("--model", default="demo")
parser.add_argument("--prompt", help="what the video shows")
parser.add_argument("--point", nargs=3, type=float, metavar=("SECONDS", "X", "Y"), help="in pixels from the upper left")
parser.add_argument("--output", type=Path, default=Path("followed"), help="a new folder")
args = parser.parse_args()
if args.output.exists():
    parser.error(f"{args.output} exists; name another --output")
if args.video and not (args.prompt and args.point):
    parser.error("a video of your own needs --prompt and --point")

if args.model == "demo":
    pipe, settings = CogVideoXPipeline.from_pretrained(MODEL), {"layers": range(4), "steps": [40]}
else:
    pipe, settings = CogVideoXPipeline.from_pretrained(args.model, torch_dtype=torch.float16).to("cuda"), {}
    pipe.vae.enable_tiling()
args.output.mkdir()
scene = world.sample(SEED, "held_out")
video, truth = args.video or args.output / "clip.mp4", scene.objects[0].centre
if args.video is None:
    Clip(scene.frames, scene.fps).save(video)

point = args.point or (0, *truth[0].tolist())
maps = imap_fast.explain(pipe, video, args.prompt or scene.caption, regions={"point": point}, **settings)
track = maps.track("point", video)
maps.tracks(video).save(args.output / "tracks.csv")
maps.save_overlay(args.output / "overlay.mp4", video)
for frame in range(0, len(track.x), max(1, len(track.x) // 6)):
    place = f"x {track.x[frame]:.0f}, y {track.y[frame]:.0f}, confidence {track.confidence[frame]:.2f}"
    print(f"{track.seconds[frame]:.2f} s: {place}{'' if track.visible[frame] else ', not visible'}")
if not (args.video or args.point):
    errors = np.hypot(track.x - truth[:, 0], track.y - truth[:, 1])[1:]  # the point is given in the first frame
    print(f"median error {np.median(errors):.1f} pixels, largest {errors.max():.1f}; a patch is 8 pixels")
