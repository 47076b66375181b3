"""Append-only Merkle log (RFC 6962) with signed checkpoints and proofs."""
