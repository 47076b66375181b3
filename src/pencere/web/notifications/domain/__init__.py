"""Sending and reading messages."""
