"""Maps of one video by several sets of layers, in one picture of its middle frame.

python examples/compare_layers.py cat.mp4 --prompt "A cat jumps onto a table" --concepts cat table --motions jumping
"""

import argparse

import matplotlib.pyplot as plt
import torch
from diffusers import CogVideoXPipeline

import imap_fast

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("video", nargs="?", default="cat.mp4")
parser.add_argument("--model", default="THUDM/CogVideoX-2b")
parser.add_argument("--prompt", default="A cat jumps onto a table")
parser.add_argument("--concepts", nargs="+", default=["cat", "table"])
parser.add_argument("--motions", nargs="*", default=["jumping"])
parser.add_argument("--output", default="layers.png")
args = parser.parse_args()

pipe = CogVideoXPipeline.from_pretrained(args.model, torch_dtype=torch.float16).to("cuda")
pipe.vae.enable_tiling()

# Measured on this one video. Give choose_layers several, and masks if you have them.
chosen = imap_fast.choose_layers(pipe, [args.video], [args.prompt]).layers
half = pipe.transformer.config.num_layers // 2
sets = {"default": None, "largest λ₂": chosen, "first half": range(half), "second half": range(half, 2 * half)}

figure, axes = plt.subplots(2, 2, figsize=(12, 9), layout="constrained")
for axis, (name, layers) in zip(axes.flat, sets.items(), strict=True):
    maps = imap_fast.explain(pipe, args.video, args.prompt, args.concepts, motions=args.motions, layers=layers)
    frames = maps.overlay(args.video).frames
    axis.imshow(frames[len(frames) // 2])
    axis.set_title(f"{name}: {', '.join(map(str, maps.layers))}", fontsize=9, wrap=True)
    axis.axis("off")
figure.savefig(args.output, dpi=150)
