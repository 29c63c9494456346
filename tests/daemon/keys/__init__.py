"""The keys of users in the service's care."""
