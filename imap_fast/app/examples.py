"""What to begin with: the demo's clip, and a prompt in the demo's words."""

from pathlib import Path

from imap_fast.demo import world
from imap_fast.demo.run import SEED
from imap_fast.demo.score import concept_masks
from imap_fast.video import Clip


def demo_examples(folder: Path) -> dict[str, list[str | None]]:
    """By their labels: a video's path or None, a prompt, and concepts.

    Args:
        folder: where the demo's clip, which its model never saw, is rendered to.
    """
    scene = world.sample(SEED, "held_out")
    clip = folder / "demo.mp4"
    Clip(scene.frames, scene.fps).save(clip)
    made = "a red circle slides right while a blue square rests"
    return {
        "a clip that the model never saw": [str(clip), scene.caption, ", ".join(concept_masks(scene))],
        "a clip that the model makes": [None, made, "red circle, blue square, slides right"],
    }
