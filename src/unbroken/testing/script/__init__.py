"""What a fault server is told to do: answers, faults, batches, limits. Plain values."""
