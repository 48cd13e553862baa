"""The task `open`: labels are typed by the visitor, and every modality answers without training."""
