"""Trees and neighbours that mean harm."""
