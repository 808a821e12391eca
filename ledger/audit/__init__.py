"""The auditor's replay: what is false, not permitted, missing, late, or cannot be known.

`finding` says what is found, `replay` finds it, `sampling` draws what a person looks at.
"""
