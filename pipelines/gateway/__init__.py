"""What a gateway decides, without a socket, a clock or a key: caps, gates, budgets, and the fold of
what the venue said into order events.
"""
