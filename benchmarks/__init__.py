"""Measures this server with a load generator of its own: `python -m benchmarks --help`."""
