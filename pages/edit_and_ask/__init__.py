"""Edit & Ask: state a fact in one language, ask about it in others."""
