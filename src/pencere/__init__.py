"""Pəncərə: a national e-government platform."""
