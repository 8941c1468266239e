"""All that knows the classes of the SDK."""
