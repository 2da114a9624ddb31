"""`choose_layers`: which layers of a checkpoint to read, if none are published."""
