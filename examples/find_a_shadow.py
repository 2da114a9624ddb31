"""What else is like a thing? A ball slides with a soft shadow below it, and a box marks the ball in the first frame.

A number is the share of all other pixels that are less like the ball than those of a place: 0.5 is chance, 1 is all.
Places are the ball, its shadow, the same place above the ball, where nothing is, and where the ball was at first. A
shadow is found only if its number is well above that of the place above. The small model that ships finds the ball, and
as much the place where it was, but not the shadow. Writes shadow/: clip.mp4, a picture and an overlay of each map.

python examples/find_a_shadow.py
python examples/find_a_shadow.py --model THUDM/CogVideoX-2b
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import CogVideoXPipeline

import imap_fast
from imap_fast.demo.shipped_model import MODEL
from imap_fast.video import Clip

MAPS = ["region_cosine", "region_qk_cosine"]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", default="demo")
parser.add_argument("--prompt", default="a red circle slides right")
parser.add_argument("--output", type=Path, default=Path("shadow"), help="a new folder")
args = parser.parse_args()
if args.output.exists():
    parser.error(f"{args.output} exists; name another --output")

if args.model == "demo":
    pipe, settings = CogVideoXPipeline.from_pretrained(MODEL), {"layers": range(4), "steps": [40]}
    frames, height, width = 25, 96, 96
else:
    pipe, settings = CogVideoXPipeline.from_pretrained(args.model, torch_dtype=torch.float16).to("cuda"), {}
    frames, height, width = 49, 480, 720
    pipe.vae.enable_tiling()

y, x = (np.mgrid[:height, :width] + 0.5) / height  # as shares of the height
centre = np.linspace(0.25, width / height - 0.25, frames)[:, None, None]
cover = np.clip((0.11 - np.hypot(x - centre, y - 0.5)) * height + 0.5, 0, 1)  # of the ball, in each pixel
shade = 1 / (1 + np.exp((np.hypot((x - centre) / 1.5, (y - 0.8) / 0.55) - 0.11) / 0.026))  # soft, wide and flat
picture = 150 * (1 - 0.45 * shade[..., None]) * (1 - cover[..., None]) + np.array([220, 60, 50]) * cover[..., None]
args.output.mkdir()
video = args.output / "clip.mp4"
Clip(np.rint(picture).astype(np.uint8), fps=8).save(video)

box = [height * share for share in (0.14, 0.39, 0.36, 0.61)]
maps = imap_fast.explain(pipe, video, args.prompt, regions={"ball": (0, *box)}, maps=MAPS, **settings)
ball, shadow = cover >= 0.5, shade >= 0.5
places = {"ball": ball, "shadow": shadow, "above": shadow[:, ::-1], "where it was": ball[0] & ~ball}
for name in MAPS:
    alike = maps.upsample(frames, height, width, name)[0].numpy()
    others = np.sort(alike[~np.any(list(places.values()), axis=0)])
    shares = {place: np.searchsorted(others, alike[mask]).mean() / len(others) for place, mask in places.items()}
    print(f"{name}: {', '.join(f'{place} {share:.2f}' for place, share in shares.items())}")
    maps.grid_figure(video, map=name).savefig(args.output / f"{name}.png")
    maps.save_overlay(args.output / f"{name}.mp4", video, map=name)
