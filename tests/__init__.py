"""The tests: they mirror the folders of the source; races, crash and system need more than Python."""
