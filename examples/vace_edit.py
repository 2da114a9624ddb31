"""Put another thing in the place of one: WanVACEPipeline paints what is white in the mask, and keeps what is black.

The maps and the video are those of davis_masks.py, or yours. What is painted is grey in the frames, as VACE learned
it. Writes vace-frames.mp4 and vace-mask.mp4, which are what VACE gets, and edited.mp4 if there is a --model.

python examples/vace_edit.py    # after davis_masks.py
python examples/vace_edit.py maps.npz cat.mp4 --concept cat --prompt "A dog" --model Wan-AI/Wan2.1-VACE-1.3B-diffusers
"""

import argparse
from itertools import islice

import numpy as np
import torch
from diffusers import AutoencoderKLWan, WanVACEPipeline
from PIL import Image
from scipy.ndimage import maximum_filter

from imap_fast import SaliencyMaps
from imap_fast.video import Clip, resize_and_crop

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("maps", nargs="?", default="masks/maps.npz")
parser.add_argument("video", nargs="?", default="masks/clip.mp4")
parser.add_argument("--concept", default="white square")
parser.add_argument("--prompt", default="a green triangle flashes while a pink circle slides left")
parser.add_argument("--model", help="such as Wan-AI/Wan2.1-VACE-1.3B-diffusers")
parser.add_argument("--area", type=int, default=480 * 832, help="the most pixels of a frame")
parser.add_argument("--grow", type=int, default=16, help="pixels around the mask: a patch of VACE")
parser.add_argument("--steps", type=int, default=30)
args = parser.parse_args()

masks = SaliencyMaps.load(args.maps).masks(args.video, [args.concept], refine="guided")
count = (min(masks.num_frames, 81) - 1) // 4 * 4 + 1  # a latent frame is four frames, and the first is one
scale = (args.area / (masks.height * masks.width)) ** 0.5
size = [max(16, int(side * scale) // 16 * 16) for side in (masks.height, masks.width)]
# One function scales and crops both, so they stay aligned.
pictures = np.stack([picture.pixels() for picture, _ in islice(masks.pictures(), count)])
inside = np.stack([255 * frame.masks[0].astype(np.uint8) for frame in islice(masks.frames(), count)])
frames, mask = (resize_and_crop(each, *size) for each in (pictures, inside[..., None].repeat(3, axis=3)))
mask = maximum_filter(mask > 127, (1, 2 * args.grow + 1, 2 * args.grow + 1, 1))
frames = np.where(mask, np.uint8(128), frames)
Clip(frames, masks.fps).save("vace-frames.mp4")
Clip(255 * mask.astype(np.uint8), masks.fps).save("vace-mask.mp4")
print(f"{count} frames of {size[0]} x {size[1]} in vace-frames.mp4 and vace-mask.mp4")

if args.model:
    vae = AutoencoderKLWan.from_pretrained(args.model, subfolder="vae", torch_dtype=torch.float32)
    pipe = WanVACEPipeline.from_pretrained(args.model, vae=vae, torch_dtype=torch.bfloat16)
    pipe.enable_model_cpu_offload()
    edited = pipe(
        args.prompt,
        video=[Image.fromarray(frame) for frame in frames],
        mask=[Image.fromarray(255 * each[..., 0].astype(np.uint8)) for each in mask],
        height=size[0],
        width=size[1],
        num_frames=count,
        num_inference_steps=args.steps,
    ).frames[0]
    Clip.of(edited, masks.fps).save("edited.mp4")
