"""Speed and memory of strategies, encoders and the page, beside published implementations."""
