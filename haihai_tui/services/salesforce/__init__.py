"""The Salesforce client: URLs, OAuth, REST, Bulk 2.0, describe."""
