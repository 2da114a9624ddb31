"""Masks of concepts, from their maps: the result of `SaliencyMaps.masks`."""
