"""The auditor's page: what was done in cases by whom, and the state of the log that proves it."""
