"""What a process shows of one order's way, as OpenTelemetry spans.

`ids` derives every id from an event; `epochs`, `orders`, `frames` and `rounds` make spans of what
is on the log, `beginnings` those above an order; `export` sends them. Spans decide nothing, and
nothing waits for them.
"""
