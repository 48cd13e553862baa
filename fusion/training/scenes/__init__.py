"""How the encoders and the heads of the task `scenes` were made: teachers, distillation, features, reports."""
