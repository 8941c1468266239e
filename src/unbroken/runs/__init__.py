"""Many requests, each a stream in a journal: read from a file or a generator, answered, and written down as results."""
