"""A desk over recorded markets: the pipelines' own logic against the simulated venue's matching.

`feed` gives the market in the one merged order, `desk` runs the pipelines over it, `gateway` and
`exchange` stand at the two ends of a wire with `Latency`, `run` puts them together and `report`
shows what came of it. Nothing here reads a clock: time is the log's.
"""
