"""Masks of a clip, as other tools take them: of things in the layout of DAVIS, of motions as lossless videos.

In DAVIS a pixel has one number, so its masks exclude each other. A motion is where a thing is, so its mask overlaps.
Without a video, a rendered one is explained by the small model that ships. Writes masks/: davis, motions and maps.npz.

python examples/davis_masks.py
python examples/davis_masks.py cat.mp4 --model THUDM/CogVideoX-2b --prompt "A cat jumps" --concepts cat --motions jumps
"""

import argparse
from pathlib import Path

import torch
from diffusers import CogVideoXPipeline

import imap_fast
from imap_fast.demo import world
from imap_fast.demo.run import SEED
from imap_fast.demo.shipped_model import MODEL, best_settings

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("video", nargs="?", help="default: a rendered one, which is kept as clip.mp4")
parser.add_argument("--model", default="demo")
parser.add_argument("--prompt", default="a white square flashes while a pink circle slides left")
parser.add_argument("--concepts", nargs="+", default=["white square", "pink circle"])
parser.add_argument("--motions", nargs="+", default=["flashes", "slides left"])
parser.add_argument("--output", type=Path, default=Path("masks"), help="a new folder")
args = parser.parse_args()
if args.output.exists():
    parser.error(f"{args.output} exists; name another --output")

if args.model == "demo":
    pipe, settings = CogVideoXPipeline.from_pretrained(MODEL), {**best_settings(), "surrogates": "clip", "noises": 4}
else:
    pipe, settings = CogVideoXPipeline.from_pretrained(args.model, torch_dtype=torch.float16).to("cuda"), {}
    pipe.vae.enable_tiling()
args.output.mkdir()
video = Path(args.video or args.output / "clip.mp4")
if args.video is None:
    imap_fast.video.Clip(world.sample(SEED, "held_out").frames).save(video)

maps = imap_fast.explain(pipe, video, args.prompt, args.concepts, motions=args.motions, **settings)
maps.save(args.output / "maps.npz")
maps.masks(video, exclusive=True, refine="guided").save(args.output / "davis", "davis", name=video.stem)
maps.masks(video, args.motions, refine="guided").save(args.output / "motions", "ffv1", name=video.stem)
print(f"masks of {', '.join(maps.labels)} in {args.output}")
