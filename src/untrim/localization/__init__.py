"""From activation sequences to scored segments. Snippets only; seconds come from `untrim.timeline.SnippetGrid`."""
