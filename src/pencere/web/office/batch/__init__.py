"""Deciding many cases alike."""
