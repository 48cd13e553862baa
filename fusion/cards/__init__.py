"""Model cards and the tables of the README, written from the figures in `report.json` and nothing else."""
