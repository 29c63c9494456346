"""The service under load: the daemon, its fork server and its workers, on a machine with many users.

The daemon is the real one, in a process of its own, with root's rights. Two things of it are the benchmark's:
the directory in which it sees sessions come and go, and the accounts, which exist by number alone.

* `accounts`, `served`: users by number, and the program that is the daemon (`python -m bench.service.served`)
* `ground`: homes, files, configuration and directories for a daemon
* `journal`, `running`: what it logs, and the daemon while it runs
* `ledger`: what its processes have used, by the part that they are
* `idle`, `cost`, `logons`, `storm`, `first`, `arrivals`, `stopping`: the scenes
* `scenes`: all of them by name
"""
