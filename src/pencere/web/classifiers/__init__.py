"""Classifiers and code lists of the state, each with its versions."""
