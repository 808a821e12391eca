"""The one verifier of evidence bundles: standard library only, Python 3.8 and newer.

`muniment evidence verify` runs it in process; `pack.pyz` packs these same files into the
`verify.pyz` that lies in every bundle. So nothing here imports the rest of Muniment, and imports
inside the package are relative. What is re-implemented (notes, proofs, Ed25519) gives the answers
of `ledger.tlog`, which tests compare.
"""
