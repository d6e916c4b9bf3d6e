"""Tables, metrics, verdicts and the book, from the files that the other stages left."""
