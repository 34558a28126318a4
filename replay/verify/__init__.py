"""Proves an archived day with nothing but the archive and a public key.

`days` checks signatures and the chain of days, `files` every file's bytes and offsets, `epochs` the
hash chain over epochs, `inputs` and `outputs` the digests of epochs against the archived rows.
"""
