"""People's phones: each holds its owner's keys and asks for a PIN before it uses one.

A process of its own that knows the certification centre only by its wire.
"""
