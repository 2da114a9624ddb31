"""Where each architecture computes its queries, keys, attention outputs and text rows: one file each."""
