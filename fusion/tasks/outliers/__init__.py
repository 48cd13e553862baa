"""Media that show none of a task's labels, made by code: what a task uses to learn "none of these", and to measure it."""
