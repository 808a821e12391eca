"""How the ledger is signed, kept and proved, and the doors in and out.

Imports nothing, so that `ledger.verify` needs only `cryptography` and `msgspec`.
"""

VERSION = "0.1.0"
"""The version of the distribution; commit notes name it as their client."""
