"""How well the maps find the objects of a folder in the layout of DAVIS, with 95 % confidence intervals over clips.

DAVIS has no captions. Describe its clips in a JSON file, and number the objects as the masks do:
{"bear": {"caption": "a bear walks over stones", "concepts": {"1": "bear"}}}

python examples/evaluate_davis.py DAVIS --captions captions.json
"""

import argparse
from pathlib import Path

import torch
from diffusers import CogVideoXPipeline

from imap_fast.evaluate import Journal, evaluate, palette_masks

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("data", nargs="?", type=Path, default=Path("DAVIS"))
parser.add_argument("--captions", type=Path, default=Path("captions.json"))
parser.add_argument("--model", default="THUDM/CogVideoX-2b")
parser.add_argument("--output", default="davis-eval", help="keeps finished clips, so that the same command resumes")
args = parser.parse_args()

pipe = CogVideoXPipeline.from_pretrained(args.model, torch_dtype=torch.float16).to("cuda")
pipe.vae.enable_tiling()

dataset = palette_masks(args.data, captions=args.captions)
with Journal(args.output, {**dataset.source, "model": args.model}) as journal:
    found = evaluate(pipe, dataset, journal=journal, on_clip_done=lambda: print(".", end="", flush=True))

print(f"\n{found.measured} clips measured")
for clip, reason in found.failed.items():
    print(f"{clip} failed: {reason}")
for measure, methods in found.estimates()["object"].items():
    for method, estimate in methods.items():
        print(f"{measure:20} {method:18} {estimate.mean:.2f} ({estimate.low:.2f}–{estimate.high:.2f})")
