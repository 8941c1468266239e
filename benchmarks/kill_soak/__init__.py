"""Hundreds of streams in a journal, while the processes that write them are killed: nothing may be lost or doubled."""
