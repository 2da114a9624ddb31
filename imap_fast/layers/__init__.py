"""`choose_layers` and `choose_layers_by_tracking`: which layers of a checkpoint to read, if none are published."""
