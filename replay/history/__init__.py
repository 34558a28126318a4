"""History from elsewhere into an archive of its own: files that were downloaded become days to
replay, as the same events in the same layout, each file's manifest naming where they came from.

`binance` and `table` read a file's rows, `files` opens it, `load` writes what they give.
"""
