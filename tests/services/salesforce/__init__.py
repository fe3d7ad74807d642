"""The Salesforce client."""
