"""Which stages are stale, by DVC's own records, and their runs side by side."""
