"""Jinja pages: one environment a language, sentences resolved when a template compiles."""
