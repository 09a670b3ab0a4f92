"""Gateway configs: document (untrusted) → spec (frozen, complete). What a spec says is never checked again."""
