"""The leaderboard as pages and tables."""
