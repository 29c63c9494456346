"""Who is logged on: accounts, sessions, and the sources that tell of them.

A logon is the first session of a user that counts; `sessions` tells a listener of it, and of the last logoff.

What is where, each module mostly using those before it:

===================  ===============================================================================
`account`            an account, and finding it in the user database
`session`            a session, and what a source of logons is
`logind`             the source: logind on the system bus
`runtime_directory`  the source: logind's files
`rules`              whether a session counts
`logons`             which users are logged on
`sessions`           logons, through whichever source works
`own`                the one session of a user who runs cscd alone
===================  ===============================================================================
"""
