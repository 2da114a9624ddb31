"""The pass of a real video through each architecture: encoded, noised to a step, and read once."""
