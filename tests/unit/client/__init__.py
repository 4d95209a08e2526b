"""The client against an endpoint in this process."""
