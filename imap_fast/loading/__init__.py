"""From the name of a model to a diffusers pipeline on its device."""
