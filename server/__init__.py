"""The front door: assembles resources, tools and prompts, speaks MCP, and guards."""
