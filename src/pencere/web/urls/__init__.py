"""Addresses, by role. A package of pages brings its own: see `pages.py`."""
