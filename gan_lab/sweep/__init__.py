"""Jobs of a sweep, their ranking and heat map."""
