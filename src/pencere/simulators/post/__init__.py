"""A post office for demonstrations: a mail server, a provider of text messages, a page to read.

It knows the portal by the wire only: SMTP and docs/specs/notifications.md.
"""
