"""What turns a fused vector into an answer: a class, a place, or "none of these"."""
