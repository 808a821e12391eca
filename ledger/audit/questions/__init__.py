"""Questions that an auditor asks of a ledger, one function each.

    reach      who had, or could have had, access to something between two times
    unused     which grants, modes, roles and keys nobody used in a span
    changes    what changed between two states, after proof that one is a prefix of the other
    late       which events were entered late, by how much, and with what reason
    reported   who acted with a key that was later reported as compromised
    disagree   what two firms' ledgers say differently about the same deals

Each is a function of a connection to recorded events and their projections, so it answers a ledger,
a read-only copy and an auditor's scratch database alike. `entry`: as of that entry; what came later
changes no answer. Nothing is judged here a second time: who covers what, what is there and what was
said is read from the projections and the rules' own functions. Rows hold ids, codes, counts and
times, never content, and are in a fixed order.
"""
