"""Real parts that tests stand on; no stand-ins for the kernel here.

requires   skip, in a sentence, when the machine lacks something
mounts     filesystems of our own, in image files
forks      code run in a fork, whose answer comes back
users      code run as somebody else
denial     system calls that the kernel refuses to one process
container  a machine with a systemd of its own, booted
machine    ... and what can be done there: programs, users, logons
waiting    wait for an event, with a deadline
"""
