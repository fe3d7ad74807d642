"""The views of 管理: operators, audit log, profiles."""
