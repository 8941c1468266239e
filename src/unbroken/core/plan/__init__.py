"""The law: what happens next, and which route is asked."""
