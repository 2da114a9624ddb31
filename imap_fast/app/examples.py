"""The examples of the page: the clip of the demo, and a prompt in the words of the demo."""

from pathlib import Path

from imap_fast.demo import world
from imap_fast.demo.run import SEED, scene_caption, shown_maps
from imap_fast.maps.kinds import MOTION_MAP, THING_MAP
from imap_fast.video import Clip


def demo_examples(folder: Path) -> dict[str, list[str | None]]:
    """The path of a video or None, a prompt, concepts and motions of each example, by its label.

    Args:
        folder: receives the clip of the demo, which its model was not trained on.
    """
    scene = world.sample(SEED, "held_out")
    clip = folder / "demo.mp4"
    Clip(scene.frames, scene.fps).save(clip)
    prompt = "a red circle slides right while a blue square rests"
    shown = shown_maps(scene)
    words = [", ".join(word for word, name in shown.items() if name == of) for of in (THING_MAP, MOTION_MAP)]
    return {
        "a clip that the model was not trained on": [str(clip), scene_caption(scene), *words],
        "a clip that the model generates": [None, prompt, "red circle, blue square", "slides right"],
    }
