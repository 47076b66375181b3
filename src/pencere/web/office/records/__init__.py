"""The registrar's desk: records of a register, by screens made from its definition."""
