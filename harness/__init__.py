"""Reference suite for reinforcement learning of reasoning models, built on veRL."""
