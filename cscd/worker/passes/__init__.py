"""A pass over a tree, as the user whose tree it is, in several processes.

What is where, each module mostly using those before it:

===============  ===================================================================================
`selection`      which files are items: include and exclude patterns
`record`         which items of one directory are known to be right
`index`          the records of all directories, kept from pass to pass
`lock`           one pass at a time over one tree
`scan`           listing one directory
`places`         items and subtrees, to be looked at instead of everything
`spared`         what must never be touched, though it lies in a tree
`agenda`         what a pass has still to do
`tasks`          what the pass and its converter processes say to each other
`converter`      one converter process
`crew`           all converter processes of a pass
`pending`        items to come back to, and when
`silence`        keeping watchdog quiet
`closing`        hearing that somebody closed a file
`tally`          what has been done so far, counted
`directories`    directories from their listing to the last of their items
`options`        how a pass is done
`recheck`        the pass itself
`drill`          whether a key opens a sample of items
`recovery`       plain copies of a tree in another place, which is no pass
`priority`       making way for others in the background
`announcements`  items told as they come, bounded
`told`           a pass that tells of each item
`asking`         a pass that asks before and after each item
===============  ===================================================================================
"""
