"""The state database: runs, events, cursors, rejects, budgets, audit."""
