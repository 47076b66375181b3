"""The authors' page: every definition with its version, and what the lint says of it."""
