"""Preflight and troubleshooting: everything that can be checked, checked at once.

The console's screens and `--check` ask the same questions (`all`) and show the same
answers (`model`).  Nothing is imported here: a screen needs the words of an answer
long before the clients that fetch it.
"""
