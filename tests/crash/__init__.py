"""Conversions that are killed, or fail, at every system call: the item is whole, and the next pass finishes."""
