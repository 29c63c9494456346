"""What PAM runs while somebody logs on, against sockets that speak its protocol, or do not."""
