"""What each room has to say on the page: tables, facts for claims, metrics, wording."""
