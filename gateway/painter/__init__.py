"""The sandbox's hand: real pictures, painted here from a prompt and a seed."""
