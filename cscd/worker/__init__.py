"""A pass over a tree, as the user whose tree it is, in several processes.

==============  ======================================================================================
`selection`     which files are items: include and exclude patterns
`record`        which items of one directory are known to be right
`index`         the records of all directories, kept from pass to pass
`lock`          one pass at a time over one tree
`scan`          listing one directory
`tasks`         what the pass and its converter processes say to each other
`converter`     one converter process
`crew`          all converter processes of a pass
`pending`       items to come back to, and when
`closing`       hearing that somebody closed a file
`tally`         what has been done so far, counted
`directories`   directories from their listing to the last of their items
`recheck`       the pass itself
==============  ======================================================================================
"""
