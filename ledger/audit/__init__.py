"""The auditor's replay: what is false, not permitted, missing, late, or cannot be known.

`replay` asks everything again: `judging` what was permitted, `checks` what is complete, in time and
still there; `finding` is how it says what it found, `catalogue` what each code means. `questions`
answers an auditor, `sampling` draws what a person looks at, `conducting` records what audits do,
and `report` writes what came of it.
"""
