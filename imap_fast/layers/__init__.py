"""Which layers of a checkpoint to read, where none are published."""
