"""Messages to people: an inbox on the portal, and the channels that say there is something in it."""
