"""Applications at work on a tree while passes flip it back and forth: nothing acknowledged is lost."""
