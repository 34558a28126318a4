"""Prometheus and Alertmanager beside a desk: `rules/` says what is wrong, `config` who is told,
`run` starts what is installed. `objectives` makes a file of rules, `dashboards` what Grafana shows,
`provisioned` what compose.yaml mounts.
"""
