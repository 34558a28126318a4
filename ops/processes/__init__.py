"""The long-running processes: what each is made of (`catalog`), which version it is, how it runs
and how it ends.

`tape run PROCESS` starts one; `factory` builds the same dataflow for `python -m bytewax.run`.
"""
