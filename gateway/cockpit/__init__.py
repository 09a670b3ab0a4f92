"""For the people who run the gateway: what a config will do before it runs, and what goes on while it does."""
