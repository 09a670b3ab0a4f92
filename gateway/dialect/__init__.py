"""What the formats of providers have in common: parameter tables, answers, errors, polling."""
