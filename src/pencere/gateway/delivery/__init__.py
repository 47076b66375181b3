"""Carries messages and events: sends what waits, and answers on the clients' port."""
