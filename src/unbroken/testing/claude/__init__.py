"""The scripted model: from a request to the message that it writes."""
