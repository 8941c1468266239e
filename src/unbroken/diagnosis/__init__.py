"""What requests died of: whose problem it is, and what to do next."""
