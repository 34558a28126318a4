"""HitBTC: a parser only, for the recorded redundant lines of the tests."""
