"""What the processes of a fleet know together: the exchange with Redis, and what of a `Health` is the fleet's."""
