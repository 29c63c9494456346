"""Tests of the command line: most run the real command as a user's shell would."""
