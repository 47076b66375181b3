"""The office pages of the state register: systems, applications, accords, nodes."""
