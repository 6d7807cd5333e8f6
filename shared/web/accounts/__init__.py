"""Pages and API of signing in, and of the accounts."""
