"""Messages to people: an inbox on the portal, and channels that say something is in it."""
