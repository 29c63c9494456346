"""The system service, part by part."""
