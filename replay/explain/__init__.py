"""Why an order was sent and what came of it: one tree from the tick to the position.

`found` reads the records about an order, from a log or an archive; `chain` makes the tree of them;
`text` writes it for a person.
"""
