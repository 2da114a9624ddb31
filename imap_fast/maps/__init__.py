"""The result of a run: saliency maps, and the files that keep them."""
