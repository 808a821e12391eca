"""Other people's tools on what Muniment writes: they know nothing of it."""
