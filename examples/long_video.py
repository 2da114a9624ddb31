"""Explain a film of any length: its maps grow in a folder, and a run that was interrupted resumes with the same call.

python examples/long_video.py film.mp4 --prompt "A cat jumps onto a table" --concepts cat table --motions jumping
"""

import argparse

import torch
from diffusers import CogVideoXPipeline

import imap_fast

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("video", nargs="?", default="film.mp4")
parser.add_argument("--model", default="THUDM/CogVideoX-2b")
parser.add_argument("--prompt", default="A cat jumps onto a table")
parser.add_argument("--concepts", nargs="+", default=["cat", "table"])
parser.add_argument("--motions", nargs="*", default=["jumping"])
parser.add_argument("--folder", default="film-maps", help="keeps finished windows; it holds one run")
parser.add_argument("--overlay", default="film-overlay.mp4")
args = parser.parse_args()

pipe = CogVideoXPipeline.from_pretrained(args.model, torch_dtype=torch.float16).to("cuda")
pipe.vae.enable_tiling()

# Two noises tell how sure the maps are. With a folder, memory does not grow with the length of the film.
wanted = {"concepts": args.concepts, "motions": args.motions}
maps = imap_fast.explain(pipe, args.video, args.prompt, **wanted, folder=args.folder, noises=2)

for label, agreement in zip(maps.labels, maps.agreement.tolist(), strict=True):
    peak = maps[label].amax((1, 2)).argmax()  # the latent frame with the hottest patch
    print(f"{label}: hottest at {maps.seconds[peak]:.1f} s, agreement {agreement:.2f}")
maps.save_overlay(args.overlay, args.video)
