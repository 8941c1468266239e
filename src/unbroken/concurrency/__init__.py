"""Tasks and time, without a word of Claude: nothing here knows the SDK, nor HTTP."""
