"""Why an order was sent and what came of it: one tree from the tick to the position.

`found` reads the records about an order, from a log or an archive; `steps` are those with their
times and versions; `above` finds what led to the request; `chain` makes the tree of them; `text`
writes it for a person.
"""
