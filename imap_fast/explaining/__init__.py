"""`explain`: saliency maps of real videos of any length, window by window."""
