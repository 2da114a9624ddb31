"""Clips of the demo world that the demo model was not trained on, with exact masks of objects and motions."""

from functools import partial

import numpy as np

from imap_fast.demo import world
from imap_fast.demo.captions import full_caption
from imap_fast.evaluate.example import DataSet, Example, GroundTruth
from imap_fast.text.words import BACKGROUND
from imap_fast.video.clip import Clip

SPLIT = "held_out"


def demo_world(clips: int = 200) -> DataSet:
    """The first held-out scenes. Their combinations of words are not in the training data of the demo model.

    Captions describe everything that happens, so every concept is also a word of the prompt (`match="prompt"`).

    Args:
        clips: the number of scenes.
    """
    return DataSet({"data": "demo", "split": SPLIT}, {f"{SPLIT}-{seed}": partial(_read, seed) for seed in range(clips)})


def _read(seed: int) -> Example:
    return example_of(world.sample(seed, SPLIT))


def example_of(scene: world.Scene) -> Example:
    """A scene as a clip to evaluate: all its objects and motions with their masks, and a caption that names them."""
    movers = [thing for thing in scene.objects if thing.moving.any()]
    truths = [GroundTruth(thing.label, thing.mask) for thing in scene.objects]
    truths += [GroundTruth(thing.motion, thing.motion_mask, thing.moving) for thing in movers]
    concepts = (*(truth.label for truth in truths), BACKGROUND)
    caption = full_caption([thing.description for thing in scene.objects])
    return Example(Clip(scene.frames, scene.fps), caption, concepts, tuple(truths), np.arange(len(scene.frames)))
