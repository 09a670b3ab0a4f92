"""What happens to pictures between the provider's answer and the caller's."""
