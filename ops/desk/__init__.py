"""The whole desk on one machine: which processes it has (`plan`), what must be there before they
start (`prepare`), and the process that looks after them (`run`, `control`).
"""
