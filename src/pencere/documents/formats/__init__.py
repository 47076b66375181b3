"""Containers and signature formats: CAdES, ASiC, XAdES, PAdES; making, extending and reading.

`docs/specs/signature-formats.md` says what is made; nothing here judges a certificate.
"""
