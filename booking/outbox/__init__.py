"""Work that follows a commit: written in the transaction of its cause, claimed by the relay, done by Celery."""
