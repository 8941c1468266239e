"""Many attempts -> the events of one message: a pipeline of stages."""
