"""Raw frames to trades, quotes, depth and marks: one stream from several redundant lines."""
