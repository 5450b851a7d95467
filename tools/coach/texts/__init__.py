"""What the coach says: every sentence in English and Traditional Chinese, one file for each module that says it."""
