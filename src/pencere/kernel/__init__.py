"""Values that every plane speaks: identifiers, texts, money, days, clock, errors. Pure."""
