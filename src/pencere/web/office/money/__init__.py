"""The accountant's desk: days of money, what does not fit, refunds that wait."""
