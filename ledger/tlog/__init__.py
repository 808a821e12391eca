"""Bytes in, proofs out: canonical events, Merkle trees, signed notes and proofs.

Pure: nothing here reads a clock, a disk, the environment or randomness.
"""
