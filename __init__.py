"""nlp-skills: an MCP server that coaches a person from a wish to a deployed, reproducible fine-tuned LLM."""

__version__ = "2.0.0"
