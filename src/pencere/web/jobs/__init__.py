"""Background work: Procrastinate, in the portal's own database and in its transactions.

Jobs stand in `tasks.py` of the apps they belong to. This package has what they share: how long
to wait before trying again, and the worker that runs them.
"""
