"""Tests of imap_kernels: every operation against brute force in fp64, for every backend that can run here."""
