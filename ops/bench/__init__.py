"""`tape bench`: what the product costs, beside what others cost, over the same data in one run.

`data` fills topics, `works` are the measurements, each in a process of its own, `run` repeats them
in turn, `report` judges and prints. Ratios are the result: a figure alone says more of the machine.
"""
