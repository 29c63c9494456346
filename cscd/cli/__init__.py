"""The command line: arguments, output, exit codes.

==============  ======================================================================================
`main`          the console script
`commands`      finds the sub-command and runs it
`status`        ``cscd status``: the service, and everybody's items
`encrypt`       ``cscd encrypt``
`unencrypt`     ``cscd unencrypt``
`recheck`       ``cscd recheck``: one pass over each directory
`recover`       ``cscd recover``: files back in plain, without the service
`cat`           ``cscd cat``
`inspect`       ``cscd inspect``
`keys`          ``cscd keys``, a folder
`demo`          ``cscd demo``
==============  ======================================================================================

Behind them:

==============  ======================================================================================
`exitcodes`     every exit code and its meaning
`failure`       what an error means to the person at the terminal
`terminal`      standard output and standard error
`names`         foreign text made fit to be shown
`quantities`    sizes, times and counts
`holders`       who has an item open
`keyring`       the keys that the arguments ask for
`trees`         the directories that a pass works on
`foreground`    a pass or a recovery run to its end, and interrupted
`drill`         ``cscd keys recovery-drill``
`rehearsal`     one drill, and what is printed of it
`caches`        where everybody's cached files are
`origins`       what is to be recovered, and where to
`interrupts`    SIGINT and its like
`progress`      what a pass shows while it runs
`pace`          how fast it is, and for how long still
`finished`      what came of the pass over one directory
`summary`       the same for people
`report`        the same for programs
`service`       asking the service over its control socket
`encryption`    what these two have in common: their arguments, and what they do
`operation`     their calls while they are under way, and Ctrl-C
`underway`      what is shown meanwhile
`verdict`       what came of them, for people and for programs
`pkttyagent`    polkit's agent, which asks for a password at the terminal
`overview`      what the service says of itself, for people
`keyagent`      asking the person for the service
`systemd`       what systemd does for the machine key
`agent`         the user's key as the service keeps it
`passphrase`    the passphrase of a file
`prompt`        asking for the passphrase of a key: at the terminal, or a script
`pinentry`      the same in a dialog of the desktop
`conversation`  a question to the service that takes such a secret
`secret`        what nothing prints
`tty`           the terminal of this process
`refusals`      what a refusal of the service means to a person
`account`       a user who is named as an argument
`byterange`     ``--range``
`inspection`    what is known of one file
`demonstration` the scenes of ``cscd demo``
`venue`         where it can be held
`understudy`    who holds it for root
`exhibits`      its files, and how they are described
`critic`        whether all went as it was told
`stage`         running real commands before an audience
==============  ======================================================================================
"""
