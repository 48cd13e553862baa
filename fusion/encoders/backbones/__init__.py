"""Parts of `fusion.encoders.backbone`: where a model comes from, and one tower per modality that says what its tokens are and where."""
