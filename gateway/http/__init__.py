"""The edge: from bytes on a socket to a request, and from a reply back to bytes."""
