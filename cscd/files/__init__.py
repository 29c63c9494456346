"""Converting files without losing a write: the part that touches users' data.

From the kernel up; each module uses only those before it:

============  ========================================================================================
`kernel`      the Linux calls about files that Python does not wrap
`outcome`     what may become of an item: a closed list of outcomes and reasons
`failure`     errno to reason, in one table
`goal`        the asked state, with its keys
`name`        a path as JSON can hold it
`holders`     who has an item open
`lease`       knowing that nobody else has a file open, and hearing of it when somebody comes
`metadata`    what a copy must carry besides content
`version`     telling versions apart, and which may be remembered
`temporary`   the second name of an item, and how a leftover one is known
`swap`        the exchange of two versions, and its undoing
`content`     plain, or encrypted by us?
`rewrite`     writing the other version, in segments, on several threads
`rekey`       writing the same for other recipients: a new header
`direction`   which of these an item needs, if any
`room`        whether there is space for a second copy
`convert`     the protocol for one item
`flush`       copies on their way to the medium
`batch`       many items through the protocol together
`leftover`    what a killed run left behind
`tree`        reaching directories without following links
`walk`        every directory of a tree, and the files in it
`restore`     a plain copy in another place, whole or not at all
============  ========================================================================================
"""
