"""What several tests share: tiny checkpoints, sample data, servers on loopback."""
