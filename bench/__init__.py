"""Benchmarks. Each prints a ratio against a baseline measured in the same run; absolute times mean little here.

`python -m bench` (or `make bench`) runs them all against a cluster of its own. Nobody imports this.
"""
