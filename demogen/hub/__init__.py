"""The Hugging Face Hub: reading, publishing and proposing. The sole door to its client."""
