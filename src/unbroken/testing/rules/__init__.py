"""What the Messages API rejects. `unbroken.preflight` is not imported here: each is the other's test."""
