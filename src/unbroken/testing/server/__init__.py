"""The fault server itself: it accepts connections and plays what its script says."""
