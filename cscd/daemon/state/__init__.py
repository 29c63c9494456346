"""The cache-wide state: which it is, who may change it, and what is remembered over restarts.

What is where, each module mostly using those before it:

=============  =====================================================================================
`policy`       which state the cache shall be in, and whether a call may change it
`records`      what is remembered from one start to the next
`schema`       the tables that hold it, form after form
`rows`         records as rows of those tables
`damage`       a damaged database told from one that cannot be used now, and set aside
`statefile`    ``state.db``: one SQLite file, made whole, checked when opened
`database`     what is remembered, in memory and in that file; a damaged file is set aside
`disk`         a thread for what waits for a disk
`cache`        the cache-wide state: what changes it, and whether every item is in it
`remembering`  what is known of users, kept without waiting for the disk
`drill`        a recovery drill that somebody has held (``cscd keys recovery-drill``): logged, and remembered
=============  =====================================================================================
"""
