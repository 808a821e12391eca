"""What a replay asks besides the judging: is it complete, in time, and still there."""
