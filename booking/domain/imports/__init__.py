"""Import patients, services, clinicians and coming appointments from CSV files."""
