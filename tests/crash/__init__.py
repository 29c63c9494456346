"""Conversions killed, or failing, at every system call: the item is whole, and the next pass finishes."""
