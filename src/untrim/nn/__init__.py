"""Parts that several methods share, each with its formula and source."""
