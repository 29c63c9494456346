"""Seeing new items: a process of its own, in which watchdog's inotify runs.

Events are hints and the pass is the truth; what may have been missed is noticed, and said.

What is where, each module mostly using those before it:

===========  =======================================================================================
`noticed`    what the watcher tells
`hints`      what is to be told of one root, bounded
`intake`     the kernel's events, kept by watchdog's thread
`branches`   the watched directories of one root
`coverage`   having all of them watched
`doubts`     events that do not say enough
`network`    which filesystems are served by another machine
`rootwatch`  watching one root
`lookout`    the watcher's process
`watcher`    seeing new items, in a process of its own
===========  =======================================================================================
"""
