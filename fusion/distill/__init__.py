"""Distillation: small encoders of photos, sounds, sentences and clips, taught by larger pretrained networks."""
