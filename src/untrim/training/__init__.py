"""Training: settings, loop, the run folder and its checkpoints."""
