"""What may become of an order: one table of transitions, and the fold of its events."""
