"""The engine: it acts. Tasks, deadlines and the SDK's calls; every decision is the core's."""
