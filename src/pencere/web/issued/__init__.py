"""Documents the state issued through the portal, and whether each is still good."""
