"""Service engine: definitions, forms, eligibility, fees, case machine, legal clock."""
