"""Tests of the two packages, and of the benchmarks."""
