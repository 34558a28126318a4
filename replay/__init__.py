"""The second shell: runs recorded epochs again and compares, and prints what the log holds.

`rerun` re-runs one shard, `compare` shows the first difference, `tail` decodes a topic for people
and pipes.
"""
