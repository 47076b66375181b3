"""Signing in with a card or token: the challenge that its key signs."""
