"""The data plane: flat files that are streamed, sorted and patched."""
