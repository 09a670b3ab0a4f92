"""Beamsplitter: the gateway that routes AI image requests."""
