"""Trials of the method: what finds more, and what repeats better, on a demo model.

`python -m benchmarks.trials --model FOLDER --split validation` measures every variant of the method on validation
scenes, where choices are made; `--split held_out` measures it on the clips that are reported.
"""
