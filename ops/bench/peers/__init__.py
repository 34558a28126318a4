"""What others make of the same topic: an EMA cross per instrument, its changes written back.

Each peer is set up as its own documentation recommends, with its default guarantee.
"""
