"""Benchmarks: each figure beside its lower bound, measured in the same run (`make bench`)."""
