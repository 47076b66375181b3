"""For whom one may act, and who may act for oneself."""
