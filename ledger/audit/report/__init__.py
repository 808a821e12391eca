"""The reports of auditors: data as canonical JSON, pages printed from it alone."""
