"""Signing in: for the person at the portal, for other systems through OpenID. A view app."""
