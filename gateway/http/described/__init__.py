"""The API described for readers: `GET /docs` for people, `GET /llms.txt` for language models."""
