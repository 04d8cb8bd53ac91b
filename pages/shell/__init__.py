"""What surrounds every tab: header, look, words of the interface, errors."""
