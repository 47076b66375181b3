"""Verifying a document: anybody, by code, by QR, by the file itself."""
