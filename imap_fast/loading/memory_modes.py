"""The names of the memory modes and of the quantizations."""

MODES = ("full", "model-offload", "group-offload", "sequential-offload")
"""Where the weights are while a pipeline runs, from the fastest mode to the smallest: all on the device; one model at a
time; one layer at a time, moved by diffusers; one layer at a time, moved by accelerate."""

QUANTIZED = ("none", "int8", "fp8")
"""How the weights of the transformer are stored."""

WEIGHTS_SHARE = 0.8
"""The share of GPU memory that weights may take. Activations need the rest."""
