"""Documents that people hand to others: PDF/A-3 pages, and the canonical JSON twin inside them."""
