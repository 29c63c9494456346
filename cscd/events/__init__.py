"""Events and logs: what cscd tells about what it does, as data.

From the bottom up:

- `level`, `escape`, `fields`: how grave, how text is made fit for a log, the types of fields;
- `event`: what every event has;
- `service`, `configuration`, `sessions`, `workers`, `passes`, `items`, `state`, `keys`, `machine`,
  `recovery`, `notices`: the events;
- `catalogue`: all of them by name; `docs/log-events.md` and `systemd/cscd.catalog` are written from it;
- `record`: an event as it is written and read back; `console`: as a line for people;
- `sink`, `journal`, `logfile`, `stream`: where records go; `output`: how to choose;
- `limit`: repetitions are counted instead of written;
- `log`: the one way in.

This layer imports nothing of ours, so that every other one may tell what happens in it.
"""
