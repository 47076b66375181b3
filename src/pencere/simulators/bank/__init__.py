"""A payment provider, as the outside world: its own process, its own page, its own record.

It speaks the protocol of docs/specs/payments.md and knows nothing else of the platform. No money
moves: the page asks the person what the bank should answer.
"""
