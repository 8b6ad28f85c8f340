"""The REST API: the same verbs as the patient's pages, over JSON."""
