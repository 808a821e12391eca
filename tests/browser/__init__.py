"""`verify.html` in a real browser, opened from disk as a reader opens it."""
