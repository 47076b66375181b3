"""Events: published once, numbered, delivered to every subscription. docs/specs/events.md."""
