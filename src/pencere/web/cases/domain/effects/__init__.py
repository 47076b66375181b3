"""Doing effects: one module for each kind. Each may be run twice and happens once."""
