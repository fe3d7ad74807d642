"""What the outside world is to this program; no screen is known here."""
