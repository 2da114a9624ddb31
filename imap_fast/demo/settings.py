"""The settings of a training of the demo model."""

from __future__ import annotations

from dataclasses import dataclass

VAE_SCENES = 400  # number of training scenes of the VAE; they are enough, because it is trained on crops
STEP_COUNTS = ("vae_steps", "still_steps", "clip_steps")  # the settings that time replaces in a training within minutes


@dataclass(frozen=True)
class Settings:
    """The settings of a training run.

    A still is a single latent frame with a caption of that moment.

    Attributes:
        seed: of weights, noise and captions.
        vae_steps: optimizer steps of the VAE.
        vae_batch: crops in one of its steps. A whole clip takes the place of 16 crops.
        vae_rate: highest learning rate of the VAE.
        kl_weight: weight of the KL divergence between latents and a standard normal; the squared error of the pixels
            has weight 1.
        scenes: number of training scenes of the transformer.
        still_steps: first steps of the transformer and the text encoder, on stills. A still reveals less about itself
            than a clip does, so the model needs the caption, and learns it, earlier.
        still_batch: stills in one step.
        clip_steps: the steps after `still_steps`.
        clip_batch: clips in one step.
        still_share: share of the later steps that train on stills again.
        rate: highest learning rate of the transformer.
        text_rate: highest learning rate of the text encoder. At the rate of the transformer, the encoder would lose the
            differences between words before the transformer uses them.
        object_weight: weight of the squared error on objects; the background has 1. Objects are a tenth of the picture,
            but captions describe little else.
        motion_weight: added to the weight of moving objects.
        start_share: share of clips whose first latent frame stays clean. Only with a known start do words of motion
            determine the rest of the clip; without one the model does not learn them.
        caption_dropout: share of scenes with an empty caption, for classifier-free guidance.
    """

    seed: int = 0
    vae_steps: int = 900
    vae_batch: int = 16
    vae_rate: float = 2e-3
    kl_weight: float = 3e-5
    scenes: int = 2000
    still_steps: int = 1800
    still_batch: int = 24
    clip_steps: int = 2000
    clip_batch: int = 4
    still_share: float = 0.4
    rate: float = 2e-3
    text_rate: float = 1e-4
    object_weight: float = 8.0
    motion_weight: float = 8.0
    start_share: float = 0.3
    caption_dropout: float = 0.1
