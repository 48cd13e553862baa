"""The Activations page: what two encoders compute for each input."""
