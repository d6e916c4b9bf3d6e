"""What is drawn: a module a family, from artifacts; nothing is trained here."""
