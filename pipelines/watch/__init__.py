"""What `venue-watch` decides: which trades to list, what it may spend."""
