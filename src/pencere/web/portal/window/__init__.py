"""The person's own window: what waits, cases, notices, data, accesses, payments."""
