"""`make demo`: the whole slice on real parts. A feed serves captures over WebSockets, two lines per
venue record them raw,
`market` and `strategy` turn them into signals exactly once, and a replay proves it.

`stage` starts and ends the processes, `play` serves the captures, `tap` measures latency, `summary`
counts from the log.
"""
