"""``cscd keys``."""
