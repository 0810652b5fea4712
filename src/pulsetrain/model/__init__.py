"""Ground floor: pure data and rules. No I/O, no clock, no threads."""
