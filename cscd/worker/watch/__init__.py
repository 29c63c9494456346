"""Seeing new items, through watchdog's inotify.

Events are hints and the pass is the truth; what may have been missed is noticed, and said.

What is where, each module mostly using those before it:

===========  =======================================================================================
`noticed`    what the watch tells
`hints`      what is to be told of one root, bounded
`intake`     the kernel's events, as watchdog reads them
`ground`     a root, opened when something is to be done in it
`branches`   the watched directories of one root
`coverage`   having all of them watched
`doubts`     events that do not say enough
`network`    which filesystems are served by another machine
`rootwatch`  watching one root
`lookout`    the watch of all roots
===========  =======================================================================================
"""
