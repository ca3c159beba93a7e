"""Pages for people: one self-contained HTML file a run."""
