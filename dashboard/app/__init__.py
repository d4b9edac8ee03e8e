"""The application under all faces: decisions, analyses, jobs, sources and stores; no dash, no argparse, no HTTP."""
