"""Servers to compare with. They run as scripts, in environments of their own; see `benchmarks/install.py`."""
