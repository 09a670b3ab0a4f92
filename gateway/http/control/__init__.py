"""The control plane: configs, keys, records and figures, in the shapes that Portkey's SDK sends and reads."""
