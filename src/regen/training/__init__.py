"""Training that knows no model: the loop, checkpoints, device and precision."""
