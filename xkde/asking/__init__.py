"""What happens when somebody asks: prompts, answers, what to expect, why."""
