"""Random histories on both services, in memory, against the real sync."""
