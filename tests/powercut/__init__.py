"""The power goes at a random moment of a pass: what is on the disk then."""
