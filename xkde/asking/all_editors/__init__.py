"""Every editor on one edit, one after another."""
