"""Streams that outlive their process: written into a journal, gone on with by others, read by anybody."""
