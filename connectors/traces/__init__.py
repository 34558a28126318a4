"""What a process shows of one order's way, as OpenTelemetry spans.

`ids` derives every id from an event, `epochs` and `orders` make spans of what was committed,
`export` sends them. Spans decide nothing, and nothing waits for them.
"""
