"""Reports: rows of the registry as tables (Markdown, LaTeX, CSV, JSON, terminal) and figures (PNG, SVG); never torch."""
