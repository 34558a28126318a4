"""Figures of whole processes: what each command of `tape run` shows beside what its parts count
(`connectors.metrics`).

Positions, limits and breaks are read from the state that a pipeline holds, at every scrape: so they
are right from the first epoch after a start, and no event can be missed.
"""
