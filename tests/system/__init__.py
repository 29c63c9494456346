"""The whole of it on a machine of its own: installed, started by systemd, with users who log on."""
