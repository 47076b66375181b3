"""Everything a person sees: portal, office, OpenID provider. The only plane that knows Django."""
