"""Both services imitated over real HTTP on loopback, for demo and tests."""
