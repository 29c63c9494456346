"""All that is done with a user's rights: passes over trees, and the worker that keeps a user's trees right.

A pass, in several processes:

==============  ======================================================================================
`kernel`        the Linux calls about processes that Python does not wrap
`selection`     which files are items: include and exclude patterns
`record`        which items of one directory are known to be right
`index`         the records of all directories, kept from pass to pass
`lock`          one pass at a time over one tree
`scan`          listing one directory
`places`        items and subtrees, to be looked at instead of everything
`spared`        what must never be touched, though it lies in a tree
`agenda`        what a pass has still to do
`tasks`         what the pass and its converter processes say to each other
`converter`     one converter process
`crew`          all converter processes of a pass
`pending`       items to come back to, and when
`silence`       keeping watchdog quiet
`closing`       hearing that somebody closed a file
`tally`         what has been done so far, counted
`directories`   directories from their listing to the last of their items
`options`       how a pass is done
`recheck`       the pass itself
`drill`         whether a key opens a sample of items
`recovery`      plain copies of a tree in another place, which is no pass
==============  ======================================================================================

A worker, which the service has for every user that is logged on:

==============  ======================================================================================
`messages`      what the daemon and a worker say to each other
`channel`       the wire between them
`confinement`   becoming a user, for good
`priority`      making way for others in the background
`spawning`      what the daemon and the fork server say to each other
`preload`       all that a worker will need, loaded before it is forked
`rehearsal`     its first steps, done before the fork, so that it shares what they write to
`forkserver`    the process that workers are forked from
`noticed`       what the watcher tells
`hints`         what is to be told of one root, bounded
`intake`        the kernel's events, kept by watchdog's thread
`branches`      the watched directories of one root
`coverage`      having all of them watched
`doubts`        events that do not say enough
`network`       which filesystems are served by another machine
`rootwatch`     watching one root
`lookout`       the watcher's process
`watcher`       seeing new items, in a process of its own
`vigil`         the watcher in the resident's hands
`telling`       events, told to the daemon
`roots`         the roots, and those that are waited for
`arrivals`      hearing that one may have come
`backlog`       what is to be looked at in one root
`standing`      what is not right in one root
`reports`       what a pass process tells the resident
`errand`        one pass, inside the process forked for it
`charge`        one root, with all of the above
`line`          that process's end of the pipe
`announcements` items told as they come, bounded
`told`          a pass that tells of each item
`asking`        a pass that asks before and after each item
`attempt`       the process in the resident's hands
`ending`        what came of a pass, as a message
`course`        one pass from its start to its end
`wants`         the passes to be asked for
`notice`        what is not right, as a message
`resident`      the worker: watches, asks for passes, has them done, comes back to what is left
==============  ======================================================================================
"""
