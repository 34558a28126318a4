"""From a wanted position to order requests: a pure part that the strategy pipeline calls."""
