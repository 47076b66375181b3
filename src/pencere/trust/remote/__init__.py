"""Signing keys of people that lie in the centre, and every right to use a key from afar.

Cloud Signature Consortium API; sole control as EN 419 241-1 and -2 describe it. What software
can promise of that, and what it cannot, stands in docs/explanation/trust.md.
"""
