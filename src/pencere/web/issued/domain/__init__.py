"""Issuing, finding, withdrawing and verifying documents."""
