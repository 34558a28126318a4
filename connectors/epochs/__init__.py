"""The epoch protocol: every batch of input is committed once, with its outputs and a digest, and
can be re-run.

`history` reads what is recorded, `merge` orders the inputs, `session` runs one shard, `source` and
`sink` are its Bytewax ends.
"""
