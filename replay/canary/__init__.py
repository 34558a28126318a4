"""Two versions of a pipeline over the same recorded epochs: what they decide differently.

`decisions` runs one version, `marks` adds the mark by then to its requests, `align` compares two by
cause, `measures` adds up what they would have traded, `policy` judges, `report` tells.
"""
