"""Values that every plane speaks: identifiers, texts, money, days, canonical JSON, clock, errors. Pure."""
