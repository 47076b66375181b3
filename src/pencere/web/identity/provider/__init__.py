"""The OpenID provider of the portal.

OpenID Connect Core 1.0; our profile: docs/explanation/web.md.
"""
