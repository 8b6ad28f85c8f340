"""What scheduling and patients both build on. Knows no model."""
