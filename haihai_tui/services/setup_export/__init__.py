"""What an org needs for the connector, as a Salesforce DX project to deploy.

Made from the profile alone: no service is asked, and no secret is ever in it.
"""
