"""Parts of `fusion.encoders.backbone`: finding and loading a model, and one tower per modality, which defines tokens and places."""
