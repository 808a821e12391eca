"""Everything still provable of a damaged ledger, taken out without trusting what is left of it.

`pages` reads rows from whatever pages of the database can still be read, `tree` and `proving` say
what each of them proves, `export` writes it into a new folder. Nothing here writes to the damaged
ledger, takes its lock or asks SQLite.
"""
