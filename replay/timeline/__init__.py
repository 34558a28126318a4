"""What happened on a desk between two times, from the log or the archive, in order.

Each record of the span is read once; what is ordinary is counted, what a person wants to know of is
a moment of its own.
"""
