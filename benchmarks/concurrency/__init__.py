"""How many streams one core can read at a time, before text comes late."""
