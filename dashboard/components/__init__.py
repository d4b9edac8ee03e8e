"""Components of pages and reports: cards, tables and sections."""
