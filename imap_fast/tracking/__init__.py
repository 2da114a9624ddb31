"""Where a marked region is in each frame, from a map of how much each patch is like it."""
