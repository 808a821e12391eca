"""Acts that touch files: judged, journalled, done, read back, recorded."""
