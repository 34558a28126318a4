"""A simulated exchange as pure logic: served by `tape venue`, folded by backtests."""
