"""Benchmarks: time, memory and arithmetic of kernels and pipelines, and how well maps find their concepts."""
