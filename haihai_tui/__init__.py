"""Keep HaiHai Mail (配配メール) and Salesforce in step, from a terminal or cron."""

__version__ = "0.1.0"
