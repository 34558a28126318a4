"""The full fault counts: `pieces` says what, `state` what is done, `__main__` runs and tells."""
