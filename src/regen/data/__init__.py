"""Data sets and corpora: downloading, verification, conversion to `Images` and `Corpus`."""
