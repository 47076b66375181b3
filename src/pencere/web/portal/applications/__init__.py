"""Pages of an application: one question a page, then check, pay, sign."""
