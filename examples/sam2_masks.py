"""Masks that are as sharp as the picture, although a patch of a map is many pixels wide: three ways to refine them.

The maps and the video are those of davis_masks.py, or yours. SAM 2 is shown each thing where its map is hottest, and
follows it. Prints how large the masks are, and writes those of each way to a file, such as masks-guided.npz.

python examples/sam2_masks.py    # after davis_masks.py
python examples/sam2_masks.py maps.npz cat.mp4 --sam2 facebook/sam2.1-hiera-small
"""

import argparse

import numpy as np

from imap_fast import SaliencyMaps
from imap_fast.masks import Masks, Sam2

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("maps", nargs="?", default="masks/maps.npz")
parser.add_argument("video", nargs="?", default="masks/clip.mp4")
parser.add_argument("--sam2", help="a Sam2VideoModel: a folder, or an id such as facebook/sam2.1-hiera-small")
args = parser.parse_args()

maps = SaliencyMaps.load(args.maps)
things = [label for label in maps.labels if label not in maps.motions]
ways = {"none": "none", "guided": "guided"} | ({"sam2": Sam2(args.sam2)} if args.sam2 else {})
for name, refine in ways.items():
    # Masks are made whenever they are read. From a file they are read as they are.
    maps.masks(args.video, things, refine=refine).save(f"masks-{name}.npz")
    masks = Masks.load(f"masks-{name}.npz")
    shares = np.mean([frame.masks.mean((1, 2)) for frame in masks.frames()], 0)
    print(f"{name:8}", ", ".join(f"{label} {share:.1%}" for label, share in zip(things, shares, strict=True)))
