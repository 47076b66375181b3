"""Views of signing in, one noun a module."""
