"""What the service did, entry by entry, in a hash-chained log: which model drew which outline, for whom, and what
became of it. Digests only: no pixels, no names of patients or files, no identity tags.

`log` writes, `verifying` proves that nothing was changed, `reading` finds. docs/audit.md says what that is worth.
Leaves out: who may do what (serving), and what the entries tell of drift (components/monitoring).
"""
