"""The ways in which a model goes on with its own answer when it is asked to, or does not."""
