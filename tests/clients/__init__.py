"""Other people's software talks to Holdfast: SDKs, generators and pages, installed by name, never vendored."""
