"""The report: tables, metrics and the page, from the files that the other stages left."""
