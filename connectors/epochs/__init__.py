"""The epoch protocol: every batch of input is committed once, with its outputs and a digest, and
can be re-run.

`opening` fences and reads `history`; `supply` hands out input as `merge` orders it; `session` runs
one shard; `committer` writes an epoch, `verify` compares one; `bytewax_ends` is what Bytewax sees.
"""
