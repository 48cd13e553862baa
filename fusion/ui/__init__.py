"""The page: what a visitor sees, in Gradio. Start reading at `page.py`."""
