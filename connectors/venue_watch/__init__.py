"""An account as the venue shows it to a key that can only read: balances, open orders, trades."""
