"""Generate a video with its maps on a small GPU, and print the peak of its memory.

Three things need less: one model at a time is on the GPU, the VAE works in tiles, and the linear layers of the
transformer are stored in 8 bits. For 8-bit weights by torchao, give from_pretrained a quantization_config instead.

python examples/low_memory.py --model THUDM/CogVideoX-5b
"""

import argparse

import torch
from diffusers import CogVideoXPipeline

import imap_fast

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", default="THUDM/CogVideoX-5b")
parser.add_argument("--prompt", default="An alpaca runs on grass as lightning strikes")
parser.add_argument("--concepts", nargs="+", default=["alpaca", "lightning"])
parser.add_argument("--motions", nargs="*", default=["running"])
parser.add_argument("--steps", type=int, default=50)
parser.add_argument("--output", default="alpaca", help="the beginning of the names of what is written")
args = parser.parse_args()

pipe = CogVideoXPipeline.from_pretrained(args.model, torch_dtype=torch.bfloat16)
pipe.transformer.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.bfloat16)
pipe.enable_model_cpu_offload()
pipe.vae.enable_tiling()

with imap_fast.trace(pipe, concepts=args.concepts, motions=args.motions) as tracer:
    video = pipe(args.prompt, num_inference_steps=args.steps).frames[0]

tracer.maps.overlay(video).save(f"{args.output}-overlay.mp4")
tracer.maps.save(f"{args.output}-maps.npz")
print(f"{tracer.maps}; peak of GPU memory {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB")
