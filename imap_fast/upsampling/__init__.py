"""From the latent grid of a map to the frames and pixels of the video."""
