"""How much the maps of one clip depend on the checkpoint: correlation of the maps and IoU of the masks, by concept.

Without a video, the small model that ships explains a rendered one with two noises. Writes nothing but the table.

python examples/compare_checkpoints.py
python examples/compare_checkpoints.py cat.mp4 --models THUDM/CogVideoX-2b THUDM/CogVideoX-5b --concepts cat
"""

import argparse

import numpy as np
import torch
from diffusers import CogVideoXPipeline

import imap_fast
from imap_fast.demo import world
from imap_fast.demo.run import SEED
from imap_fast.demo.shipped_model import MODEL, best_settings

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("video", nargs="?")
parser.add_argument("--models", nargs=2, default=["demo", "demo"], help="if it is one twice, with two noises")
parser.add_argument("--prompt", default="a white square flashes while a pink circle slides left")
parser.add_argument("--concepts", nargs="+", default=["white square", "pink circle"])
parser.add_argument("--motions", nargs="+", default=["flashes", "slides left"])
args = parser.parse_args()

video = args.video or imap_fast.video.Clip(world.sample(SEED, "held_out").frames)
found = []
for seed, model in enumerate(args.models):
    if model == "demo":
        pipe, settings = CogVideoXPipeline.from_pretrained(MODEL), {**best_settings(), "surrogates": "clip"}
    else:
        pipe, settings = CogVideoXPipeline.from_pretrained(model, torch_dtype=torch.bfloat16).to("cuda"), {}
        pipe.vae.enable_tiling()
    noise = torch.Generator().manual_seed(seed if len(set(args.models)) == 1 else 0)
    concepts = {"concepts": args.concepts, "motions": args.motions}
    found.append(imap_fast.explain(pipe, video, args.prompt, **concepts, generator=noise, **settings))
    del pipe  # two do not fit most GPUs

first, second = found
if first.grid != second.grid:
    raise SystemExit(f"the maps have {first.grid} and {second.grid} patches; compare models of one size")
print(f"{'concept':20} {'map':8} correlation  IoU")
for label in first.labels:
    correlation = np.corrcoef(first[label].flatten(), second[label].flatten())[0, 1]
    one, other = (maps.masks(video, [label])[label] for maps in found)
    iou = (one & other).sum() / (one | other).sum() if (one | other).any() else np.nan
    print(f"{label:20} {first.map_of(label):8} {correlation:11.2f} {iou:4.2f}")
