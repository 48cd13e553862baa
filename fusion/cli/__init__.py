"""The command line, `python -m fusion COMMAND`: one typer app, one file for each group of commands."""
