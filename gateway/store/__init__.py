"""What is kept durably: configs, keys, records, and what was spent."""
