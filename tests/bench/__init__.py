"""`make bench`: Beamsplitter beside a bare pass-through, Portkey's gateway and LiteLLM's proxy, in one run."""
