"""`python -m ledger.cli`: the same as `muniment`."""

from ledger.cli import main

main()
