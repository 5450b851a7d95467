"""The server: assembles resources, tools and prompts, speaks MCP, and guards."""
