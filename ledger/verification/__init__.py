"""The parts of `ledger.verify`: each checks one thing that a ledger holds, and names findings."""
