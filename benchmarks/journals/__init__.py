"""What it costs to write streams down, and how soon another goes on: the figures of streams in a journal."""
