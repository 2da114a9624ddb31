"""Two runs on one video, side by side: how much their maps, masks and events agree."""
