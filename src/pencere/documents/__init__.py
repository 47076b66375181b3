"""Documents the state issues: made with typst, sealed as PAdES, verified by anyone."""
