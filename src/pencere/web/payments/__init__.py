"""Payments: charges, their providers, and the book of money. docs/specs/payments.md."""
