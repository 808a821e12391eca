"""Measurements: what PEERS promises, side by side with the peers it names.

`python -m bench` prints a table and writes `bench/results.json`; `docs/performance.md` explains it.
"""
