"""The trace: it reads a running pipeline, and adds up the maps over layers and steps."""
