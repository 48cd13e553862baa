"""The Fuse page: inputs, strategies, predictions, and what explains them."""
