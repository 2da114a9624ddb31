"""How a word forms: the maps of a word in each layer and denoising step, as a figure and as a film of the steps.

The film shows the middle one of the layers, in the latent frame in which the word is hottest, step by step and on one
scale. Writes word/: inside.png, steps.mp4, report.html, whose sliders choose a layer and a step, and maps.npz.

python examples/word_forms.py
python examples/word_forms.py --model THUDM/CogVideoX-2b --prompt "An alpaca runs on grass" --concepts alpaca grass
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import CogVideoXPipeline

import imap_fast
from imap_fast.demo.shipped_model import MODEL
from imap_fast.events.detect import curves_over_time
from imap_fast.render.heatmap import COLOURS, heat
from imap_fast.video import Clip

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", default="demo")
parser.add_argument("--prompt", default="a white square flashes while a pink circle slides left")
parser.add_argument("--concepts", nargs="+", default=["white square", "pink circle"], help="the film is of the first")
parser.add_argument("--steps", type=int, default=30)
parser.add_argument("--output", type=Path, default=Path("word"), help="a new folder")
args = parser.parse_args()
if args.output.exists():
    parser.error(f"{args.output} exists; name another --output")

if args.model == "demo":
    pipe, layers, call = CogVideoXPipeline.from_pretrained(MODEL), range(4), {"max_sequence_length": 40}
else:
    pipe, layers, call = CogVideoXPipeline.from_pretrained(args.model, torch_dtype=torch.float16).to("cuda"), None, {}
    pipe.vae.enable_tiling()

with imap_fast.trace(pipe, args.concepts, layers=layers, surrogates="clip", keep=["layers", "steps"]) as tracer:
    video = pipe(
        args.prompt, num_inference_steps=args.steps, generator=torch.Generator().manual_seed(0), **call
    ).frames[0]
maps, word = tracer.maps, args.concepts[0]

args.output.mkdir()
maps.save(args.output / "maps.npz")
maps.inside_figure(word, "gramcol").savefig(args.output / "inside.png")
maps.report(args.output / "report.html", video)

place = maps.index(word, "gramcol")
hottest = int(curves_over_time([maps.gramcol[place]])[0].argmax())  # the frame of the figure
middle = (len(maps.layers) - 1) // 2
steps = maps.by_layer_and_step["gramcol"][middle, :, place, hottest]  # [S, H, W]
pixels = (COLOURS(heat(steps[None])[0].numpy())[..., :3] * 255).astype(np.uint8)
side = max(1, 384 // max(steps.shape[1:]))
Clip(pixels.repeat(side, axis=1).repeat(side, axis=2), fps=4).save(args.output / "steps.mp4")
film = f"film of layer {maps.layers[middle]}"
print(f"{args.output}: {word} in {len(maps.layers)} layers, {len(maps.steps)} steps; {film}")
