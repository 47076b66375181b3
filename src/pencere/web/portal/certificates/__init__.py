"""The person's own certificates: what is in force, who did what, suspending and revoking."""
