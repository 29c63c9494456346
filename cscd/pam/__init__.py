"""What PAM runs while somebody logs on: a program of its own, which hands the password to the service.

=========  ===========================================================================================
`logon`    all of it
=========  ===========================================================================================

It has to be there in milliseconds and stands on the standard library alone.
"""
