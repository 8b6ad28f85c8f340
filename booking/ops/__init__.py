"""What operators see and every request passes: health, logs, middleware, idempotency."""
