"""The log as Parquet files: who reads them needs neither broker nor registry.

`run` writes what the log holds and the archive does not, `source` reads it back as a log, `reader`
finds files, `layout` and `manifest` say how they are named and what is kept beside each.
"""
