"""The size of the clips of most tiny models."""

FRAMES, HEIGHT, WIDTH = 9, 32, 48  # 3 latent frames of 4 × 6 latents, 2 × 3 patches
