"""Blocks that have endpoints beside a page."""

from __future__ import annotations

from typing import Any

from fusion.ui.security import SafeBlocks

SCHEMAS = ("api_info", "api_info_as_input", "api_info_as_output", "example_inputs")  # of a component in the config


class PublicBlocks(SafeBlocks):
    """The schemas of endpoints are in `/gradio_api/info`; a page is sent without them, where they would be a sixth of it."""

    def get_config_file(self) -> Any:
        config = super().get_config_file()
        for component in config["components"]:
            if component["type"] == "api":
                component["props"]["_api_info"] = {}
                for key in SCHEMAS:
                    component.pop(key, None)
        return config

    def get_api_info(self, all_endpoints: bool = False, page: str | None = None) -> Any:
        short = self.config
        self.config = super().get_config_file()  # gradio reads the schemas from there
        try:
            return super().get_api_info(all_endpoints, page)
        finally:
            self.config = short
