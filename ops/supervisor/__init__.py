"""Keeps a set of Tape's processes running: in their order, each again after a crash, none that
asked not to be.

`model` says what a process is and what its end means, `supervisor` starts, watches and stops, and
`leftovers` ends what a supervisor that was killed left behind. The demo, the benchmarks and
`tape up --all` run on this one mechanism.
"""
