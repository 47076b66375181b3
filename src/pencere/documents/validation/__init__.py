"""Validation of certificates, signatures and documents: RFC 5280, RFC 6960, EN 319 102-1.

`path` answers for one certificate, `service` for a document, `server` speaks HTTP. Nothing here
raises for what is in a file: whatever goes wrong is a code, and a code is never "good".
"""
