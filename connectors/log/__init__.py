"""The log behind one interface: a real Kafka cluster (`kafka`) or a list in memory (`memory`).

Both keep the same contract (tests/connectors/log/contract.py): partitions, read_committed,
transactions that fence.
"""
