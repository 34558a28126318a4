"""The gateway: the only process that holds trading keys, and the only one that sends orders."""
