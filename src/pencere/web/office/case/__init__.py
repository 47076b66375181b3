"""A case on one page, and what an officer does with it."""
