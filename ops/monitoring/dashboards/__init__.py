"""Grafana's dashboards, as JSON made from code: `python -m ops.monitoring.dashboards` writes them.

The library that makes them is one of development alone; what Grafana reads is the JSON beside.
"""
