"""The catalogue as the pages use it."""
