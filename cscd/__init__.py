"""Keeps the cached files of every user of a computer in one encryption state.

Read it top-down; each layer imports only from the ones below it (`tests/test_imports.py` holds them to it)::

    cscd.cli       the command line: arguments, output, exit codes
    cscd.client    the service for programs, over D-Bus; knows of the daemon what is on the bus alone
    cscd.pam       what PAM runs at a logon; asks the daemon over its socket, and imports nothing of ours
    cscd.daemon    the system service: sessions, policy, D-Bus
    cscd.worker    all that is done with a user's rights: passes, and the worker that watches and retries
    cscd.keys      recipients and identities kept in files, beside the worker
    cscd.files     one item: open, lease, convert, exchange
    cscd.age       the age v1 format, reading and writing
    cscd.config    the configuration, beside the worker
    cscd.events    what is told, and to whom, below all that tell something
    cscd.errors    every error that is raised on purpose
    cscd.numbered  numbers with a meaning: exit codes, and what Encrypt answers
"""

__version__ = "0.1.0"
