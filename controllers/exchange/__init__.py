"""Exchange of problems, searches and generators with other tools: VOCS, gest-api, the files of Xopt."""
