"""What a process shows of itself over HTTP: figures, whether it lives, whether it may do its work.

`declared` is the one list of figures, `orders`, `epochs` and `errors` derive them from what passes,
`server` answers on loopback. Figures decide nothing: no logic reads one.
"""
