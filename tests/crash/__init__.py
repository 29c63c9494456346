"""Conversions, keys and the state database killed, or failing, at every system call: nothing is lost."""
