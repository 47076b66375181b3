"""Certificates that machines ask for by themselves: ACME (RFC 8555), and what EST shares."""
