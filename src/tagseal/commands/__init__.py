"""What a person runs that is not a step."""
