"""Widgets that several screens share.

All of them draw with characters of certain width only: a terminal set to Japanese
shows box-drawing lines, arrows and bullets two cells wide and would break the line.
"""
