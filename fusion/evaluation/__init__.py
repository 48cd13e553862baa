"""Measuring: what checkpoints reach on test samples, and files of figures (`report.json` and others) beside the weights."""
