"""E-mail: to patients, to staff, and the SMTP backend that sends it."""
