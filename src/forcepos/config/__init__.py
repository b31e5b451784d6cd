"""The schema of conf/, its checks, and the reference that is rendered from both."""
