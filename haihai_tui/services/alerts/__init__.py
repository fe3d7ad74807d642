"""Alerts: told once when the state of a flow changes, and once when it is well again.

What is wrong is worked out from runs that are over and kept in the database; sending
is a separate step that may fail, and is then made up for, without touching a run.
"""
