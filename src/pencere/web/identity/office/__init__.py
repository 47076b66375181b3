"""The office as a client of the portal's OpenID provider."""
