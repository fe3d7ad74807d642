"""What the program exists for: reading, matching, planning, writing."""
