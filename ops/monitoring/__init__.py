"""Prometheus and Alertmanager beside a desk: `rules/` says what is wrong, `config` who is told,
`run` starts what is installed. `python -m ops.monitoring.config` prints both configurations.
"""
