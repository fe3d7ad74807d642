"""The state database: runs, events, cursors, rejects, reviews, budgets, audit.

One database holds all profiles, so that one console can show several orgs.  This
package's front page imports nothing, since SQLAlchemy takes 200 ms to load.
"""
